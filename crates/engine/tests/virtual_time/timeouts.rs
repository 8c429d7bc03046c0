//! Requests that never went out: their connections time out, or they are cut off while one is being opened.

use crate::support::plans::{closed, plan, request};
use crate::support::runs::measure;
use crate::support::sums::{Sums, check_equations, over_all};
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::failure::Failure;
use apibench_core::fake_target::{FakeHost, FakeTarget, Ownership};
use apibench_core::phase::Phase;
use apibench_core::plan::{Connections, Plan};
use apibench_histogram::interval::Interval;
use apibench_histogram::{Histogram, interval::SeriesCounts};

/// What is measured before a target to which no connection opens; each attempt is given up after 100 ms.
fn refused(plan: &Plan, ownership: Ownership, failure: Failure) -> Vec<Interval> {
    let host = FakeHost {
        ownership,
        streams: 1,
        opening_ns: 100 * MS,
        refusal: Some(failure),
    };
    let clock = ManualClock::at(BARRIER);
    let target = FakeTarget::new(clock.clone(), vec![host], |_| unreachable!("nothing is sent"));
    let intervals = measure(plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    intervals
}

/// How many values a distribution has, how many of them are lower bounds, and the sum of all.
fn shape(histogram: &Histogram) -> (u64, u64, u128) {
    (histogram.count(), histogram.censored(), histogram.sum_ns())
}

fn shapes(intervals: &[Interval], of: [fn(&SeriesCounts) -> &Histogram; 2]) -> [(u64, u64, u128); 2] {
    of.map(|of| shape(&over_all(intervals, of)))
}

#[test]
fn connects_that_time_out_are_in_a_closed_headline_once_each_at_their_age() {
    // Two virtual users, each with five iterations one behind the other, 100 ms each.
    let plan = plan(1, 0, S, &[(request("a"), closed(2, None, Some(10)))]);
    let intervals = refused(&plan, Ownership::PerChannel(1), Failure::TimeoutConnect);
    let all = u128::from(10 * 100 * MS);
    let [service, response] = shapes(&intervals, [|counts| &counts.service, |counts| &counts.response]);
    assert_eq!(service, (10, 10, all), "the headline of a closed run");
    assert_eq!(response, (10, 10, all), "from when its virtual user was ready for it");
    let [other, first_byte] = shapes(&intervals, [|counts| &counts.failed_time, |counts| &counts.first_byte]);
    assert_eq!((other, first_byte), ((0, 0, 0), (0, 0, 0)));
    let sums = Sums::of(&intervals, &Phase::ALL);
    assert_eq!((sums.started, sums.failed, sums.iterations_failed), (10, 10, 10));
    let iterations = intervals.iter().flat_map(|interval| interval.scenarios.values());
    let censored: u64 = iterations.map(|counts| counts.time.censored()).sum();
    assert_eq!(censored, 10, "an iteration that timed out took at least its time");
}

#[test]
fn connects_that_are_refused_are_in_no_headline() {
    let plan = plan(1, 0, S, &[(request("a"), closed(2, None, Some(10)))]);
    let intervals = refused(&plan, Ownership::PerChannel(1), Failure::TcpRefused);
    let [service, response] = shapes(&intervals, [|counts| &counts.service, |counts| &counts.response]);
    assert_eq!((service.0, response.0), (0, 0));
    assert_eq!(shape(&over_all(&intervals, |counts| &counts.failed_time)).0, 10);
}

#[test]
fn what_is_cut_off_while_its_connection_is_being_opened_is_as_old_as_its_submission() {
    // The run ends at 250 ms: each of three virtual users has timed out twice, and is cut off 50 ms into its third opening.
    let plan = plan(1, 0, 0, &[(request("a"), closed(3, Some(250 * MS), None))]);
    let intervals = refused(&plan, Ownership::PerChannel(1), Failure::TimeoutConnect);
    let sums = Sums::of(&intervals, &Phase::ALL);
    assert_eq!((sums.failed, sums.unfinished), (6, 3));
    let all = u128::from((6 * 100 + 3 * 50) * MS);
    for shape in shapes(&intervals, [|counts| &counts.service, |counts| &counts.response]) {
        assert_eq!(shape, (9, 9, all));
    }
    let unsent: u64 = intervals.iter().map(|interval| interval.driver.unsent).sum();
    assert_eq!(unsent, 3);
}

#[test]
fn the_wait_in_line_for_a_shared_connection_is_no_service_though_its_opening_times_out() {
    // Three virtual users share one connection: each opening fails after 100 ms, one behind the other.
    let mut plan = plan(1, 0, 0, &[(request("a"), closed(3, Some(250 * MS), None))]);
    plan.hosts.get_mut("h").unwrap().connections = Connections::Shared { count: 1 };
    let intervals = refused(&plan, Ownership::Shared(1), Failure::TimeoutConnect);
    let sums = Sums::of(&intervals, &Phase::ALL);
    // The first has failed at 100 ms, the second at 200 ms; the third is being opened, and the other two are in line again.
    assert_eq!((sums.failed, sums.unfinished), (2, 3));
    let [service, response] = shapes(&intervals, [|counts| &counts.service, |counts| &counts.response]);
    assert_eq!(
        service,
        (2, 2, u128::from(200 * MS)),
        "of who waited or shares, nobody can say"
    );
    assert_eq!(response, (5, 5, u128::from((100 + 200 + 250 + 150 + 50) * MS)));
    let wait = over_all(&intervals, |counts| &counts.connection_wait);
    assert_eq!(wait.max_ns(), Some(100 * MS));
}
