//! The fake target as a harness.

use std::cell::Cell;
use std::rc::Rc;

use apibench_core::clock::{Clock as _, ManualClock};
use apibench_core::failure::Failure;
use apibench_core::fake_target::{Arrived, End, FakeHost, FakeTarget, Ownership};

use super::{Harness, Limit};

pub struct Fake {
    clock: ManualClock,
    released: Rc<Cell<bool>>,
    transport: FakeTarget<'static>,
}

impl Harness for Fake {
    type Transport = FakeTarget<'static>;

    fn new(limit: Limit) -> Self {
        let (clock, released) = (ManualClock::at(1_000), Rc::new(Cell::new(false)));
        let host = FakeHost {
            ownership: match limit {
                Limit::Each(count) => Ownership::PerChannel(count),
                Limit::Shared(count) => Ownership::Shared(count),
            },
            streams: 1,
            opening_ns: 500,
            refusal: None,
        };
        let lets_go = Rc::clone(&released);
        let answer = move |arrived: &Arrived<'_>| {
            let line = arrived.bytes.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
            let end = match line {
                b"/close" => End::Fail {
                    after_ns: 100,
                    failure: Failure::TcpClosed,
                },
                b"/hold" if !lets_go.get() => End::Held,
                b"/last" => End::Answer {
                    after_ns: 100,
                    status: 200,
                    received_bytes: 100,
                    location: None,
                    keeps: false,
                },
                _ => End::answer(100, 200),
            };
            end.into()
        };
        Self {
            transport: FakeTarget::new(clock.clone(), vec![host], answer),
            clock,
            released,
        }
    }

    fn transport(&mut self) -> &mut Self::Transport {
        &mut self.transport
    }

    fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    fn let_go(&mut self) {
        self.released.set(true);
        self.transport.release_held();
    }

    fn await_answers(&mut self, _count: usize) {}
}
