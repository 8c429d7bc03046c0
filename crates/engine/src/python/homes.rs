//! Which process each user of Python lives in, and whether it is in an iteration there.

use apibench_core::step::StatusRange;

/// Of one user.
#[derive(Debug, Clone, Default)]
struct Home {
    /// Its process; 0 before its first iteration.
    process: u32,
    /// Whether it is in an iteration.
    lives: bool,
    /// What it expects of the request that it has sent last.
    expected: Vec<StatusRange>,
}

/// By virtual user.
#[derive(Debug, Default)]
pub struct Homes {
    homes: Vec<Home>,
}

impl Homes {
    /// Where a virtual user lives, if it has ever done.
    pub(super) fn process_of(&self, virtual_user: u32) -> Option<u32> {
        let home = self.homes.get(virtual_user as usize)?;
        (home.process != 0).then_some(home.process)
    }

    /// Whether a virtual user is in an iteration of its process.
    #[must_use]
    #[inline]
    pub fn lives(&self, virtual_user: u32) -> bool {
        self.homes.get(virtual_user as usize).is_some_and(|home| home.lives)
    }

    /// A virtual user is in an iteration there from now on.
    pub(super) fn begin(&mut self, virtual_user: u32, process: u32) {
        let place = virtual_user as usize;
        if place >= self.homes.len() {
            self.homes.resize(place + 1, Home::default());
        }
        let home = &mut self.homes[place];
        home.process = process;
        home.lives = true;
    }

    /// It is no more. Returns whether it was.
    pub(super) fn end(&mut self, virtual_user: u32) -> bool {
        let home = self.homes.get_mut(virtual_user as usize);
        home.is_some_and(|home| std::mem::take(&mut home.lives))
    }

    /// Who is in an iteration of a process. It is to be told of its end if that has gone.
    pub(super) fn living_in(&self, process: u32) -> Vec<u32> {
        let numbered = (0_u32..).zip(&self.homes);
        let own = numbered.filter(|(_, home)| home.process == process && home.lives);
        own.map(|(virtual_user, _)| virtual_user).collect()
    }

    /// What a virtual user expects of the request that it sends.
    pub fn expect(&mut self, virtual_user: u32, statuses: &[StatusRange]) {
        if let Some(home) = self.homes.get_mut(virtual_user as usize) {
            home.expected.clear();
            home.expected.extend_from_slice(statuses);
        }
    }

    /// The same; `None` for what every step expects that says nothing.
    #[must_use]
    pub fn expected(&self, virtual_user: u32) -> Option<&[StatusRange]> {
        let home = self.homes.get(virtual_user as usize)?;
        (!home.expected.is_empty()).then_some(&home.expected)
    }
}
