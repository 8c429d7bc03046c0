//! Histograms as they came, checked and not yet held in pages: they are added cell by cell to whatever has to hold them.

use apibench_core::phase::Phase;
use apibench_core::recorder::{GroupIndex, ScenarioIndex, SeriesIndex};

use crate::error::DecodeError;
use crate::histogram::{Exact, Histogram, MAX_COUNT, Survey};
use crate::interval::Interval;
use crate::payload::{self, Cell};
use crate::times;

/// One that is not empty.
pub(super) struct Surveyed {
    cells: Box<[Cell]>,
    exact: Exact,
    pub(super) survey: Survey,
}

impl Surveyed {
    /// Looks at every cell, and at the figures beside them; `room` is scratch.
    pub(super) fn of(hdr: &[u8], count: u64, exact: Exact, room: &mut Vec<Cell>) -> Result<Self, DecodeError> {
        let cells = payload::cells(hdr, room)?;
        let survey = Survey::of(cells);
        times::check(count, &exact, &survey)?;
        let cells = cells.into();
        Ok(Self { cells, exact, survey })
    }

    fn fits(&self, own: &Histogram) -> bool {
        own.count().saturating_add(self.survey.count) <= MAX_COUNT
    }

    fn add_to(&self, own: &mut Histogram) {
        own.add_cells(&self.cells, &self.survey, &self.exact);
    }
}

/// Whose they are, and all that it could have.
type Of<Index> = ((Index, Phase), Vec<Option<Surveyed>>);

/// Those of an interval, by its scenarios, series and groups; of each the ones that it has, in their order.
#[derive(Default)]
pub(super) struct Times {
    pub(super) scenarios: Vec<Of<ScenarioIndex>>,
    pub(super) series: Vec<Of<SeriesIndex>>,
    pub(super) groups: Vec<Of<GroupIndex>>,
}

impl Times {
    /// Whether the histograms of an interval can hold them too.
    pub(super) fn fit(&self, interval: &Interval) -> bool {
        let fits = |(surveyed, own): (&Option<Surveyed>, &Histogram)| {
            surveyed.as_ref().is_none_or(|surveyed| surveyed.fits(own))
        };
        let scenarios = self.scenarios.iter().all(|(key, surveyed)| {
            let own = interval.scenarios.get(key);
            own.is_none_or(|own| surveyed.iter().zip(own.histograms().map(|(_, own)| own)).all(fits))
        });
        let series = self.series.iter().all(|(key, surveyed)| {
            let own = interval.series.get(key);
            own.is_none_or(|own| surveyed.iter().zip(own.histograms().map(|(_, own)| own)).all(fits))
        });
        let groups = self.groups.iter().all(|(key, surveyed)| {
            let own = interval.groups.get(key);
            own.is_none_or(|own| surveyed.iter().zip(own.histograms()).all(fits))
        });
        scenarios && series && groups
    }

    /// Adds all to an interval that has their scenarios, series and groups.
    pub(super) fn add_to(&self, interval: &mut Interval) {
        let add = |(surveyed, own): (&Option<Surveyed>, &mut Histogram)| {
            if let Some(surveyed) = surveyed {
                surveyed.add_to(own);
            }
        };
        for (key, surveyed) in &self.scenarios {
            if let Some(own) = interval.scenarios.get_mut(key) {
                surveyed.iter().zip(own.histograms_mut()).for_each(add);
            }
        }
        for (key, surveyed) in &self.series {
            if let Some(own) = interval.series.get_mut(key) {
                surveyed.iter().zip(own.histograms_mut()).for_each(add);
            }
        }
        for (key, surveyed) in &self.groups {
            if let Some(own) = interval.groups.get_mut(key) {
                surveyed.iter().zip(own.histograms_mut()).for_each(add);
            }
        }
    }
}
