//! The suite.

use apibench_core::transport::{ExchangeId, Transport as _};

use super::{Harness, Limit, Watch};

/// Every exchange ends once, after it started, whatever the peer does.
pub fn every_exchange_ends_exactly_once<H: Harness>() {
    for limit in [Limit::Each(1), Limit::Each(2), Limit::Shared(1), Limit::Shared(5)] {
        let mut watch = Watch::<H>::new(limit);
        let channels: Vec<_> = (0..6).map(|_| watch.channel()).collect();
        let paths = ["/answer", "/answer", "/close", "/answer", "/last", "/answer"];
        for round in 0..5 {
            // Two at once on each channel: where it has one connection the second waits.
            for (number, channel) in channels.iter().chain(&channels).enumerate() {
                watch.submit(*channel, paths[(number + round) % paths.len()]);
            }
            watch.finish();
        }
        assert_eq!(watch.ended.len(), 60);
        let closed = watch
            .ended
            .iter()
            .filter(|(id, _)| watch.met_a_closed_connection(*id))
            .count();
        assert_eq!(closed, 10, "{limit:?}: those that were not answered, and no others");
        watch.listen("those that go are closed", |watch| watch.closed >= 20);
        let counters = watch.counters();
        // A connection carries one exchange as its first, all others use it again.
        assert_eq!(
            counters.connections_opened + counters.connections_reused,
            60,
            "{limit:?}: {counters:?}"
        );
        assert_eq!(
            counters.closed_by_us + counters.closed_by_peer,
            20,
            "{limit:?}: {counters:?}"
        );
    }
}

/// A cancelled exchange is not heard of again, wherever it stood, and the others go on.
pub fn a_cancelled_exchange_is_never_heard_of_again<H: Harness>() {
    // On its way to a connection.
    let mut watch = Watch::<H>::new(Limit::Shared(1));
    let channel = watch.channel();
    let opening = watch.submit(channel, "/answer");
    watch.cancel(opening);
    let next = watch.submit(channel, "/hold");
    watch.listen("the next starts", |watch| watch.has_started(next));

    // In line, in front of another and behind one.
    let (first, middle, last) = (
        watch.submit(channel, "/answer"),
        watch.submit(channel, "/answer"),
        watch.submit(channel, "/answer"),
    );
    watch.cancel(middle);
    watch.cancel(first);
    watch.harness.let_go();
    watch.finish();
    assert_eq!(watch.ended.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [next, last]);

    // In flight: its connection carries half a response and serves nobody any more; who waited gets another.
    let mut watch = Watch::<H>::new(Limit::Shared(1));
    let channel = watch.channel();
    let flying = watch.submit(channel, "/hold");
    watch.listen("it starts", |watch| watch.has_started(flying));
    let waiting = watch.submit(channel, "/answer");
    watch.cancel(flying);
    watch.finish();
    assert_eq!(watch.outcome(waiting).status, 200);
    assert_eq!(watch.counters().connections_opened, 2);

    // Answered, and the answer not taken yet.
    let mut watch = Watch::<H>::new(Limit::Each(1));
    let (channel, other) = (watch.channel(), watch.channel());
    let (answered, neighbour) = (watch.submit(channel, "/hold"), watch.submit(other, "/hold"));
    watch.listen("both start", |watch| watch.started.len() == 2);
    watch.harness.let_go();
    watch.harness.await_answers(2);
    watch.wait(1_000_000_000);
    watch.cancel(answered);
    watch.finish();
    assert_eq!(watch.outcome(neighbour).status, 200);

    // Twice, or never submitted: nothing happens.
    watch.cancel(answered);
    watch.cancel(ExchangeId(1_000));
    let after = watch.submit(channel, "/answer");
    watch.finish();
    assert_eq!(watch.outcome(after).status, 200);
}

/// Many at once that are given up before their connections are open: none is counted as closed that was not opened,
/// and those after them are served.
pub fn cancelled_openings_leave_nothing_behind<H: Harness>() {
    let mut watch = Watch::<H>::new(Limit::Each(1));
    let channels: Vec<_> = (0..150).map(|_| watch.channel()).collect();
    let submitted: Vec<_> = channels
        .iter()
        .map(|channel| watch.submit(*channel, "/answer"))
        .collect();
    for id in submitted {
        watch.cancel(id);
    }
    watch.finish();
    let counters = watch.counters();
    assert_eq!(counters.closed_by_us, counters.connections_opened, "{counters:?}");
    for channel in &channels[..10] {
        watch.submit(*channel, "/answer");
    }
    watch.finish();
    assert_eq!(watch.ended.len(), 10);
}

/// Who waits longest is served first, and is told how long it waited.
pub fn the_line_is_served_in_order<H: Harness>() {
    let mut watch = Watch::<H>::new(Limit::Shared(1));
    let channels: Vec<_> = (0..4).map(|_| watch.channel()).collect();
    let first = watch.submit(channels[0], "/hold");
    watch.listen("the first starts", |watch| watch.has_started(first));
    let line: Vec<_> = [2, 0, 3, 1, 1, 0]
        .iter()
        .map(|place| watch.submit(channels[*place], "/answer"))
        .collect();
    watch.wait(1_000_000);
    watch.harness.let_go();
    watch.finish();
    let ended: Vec<_> = watch.ended.iter().map(|(id, _)| *id).collect();
    let mut expected = vec![first];
    expected.extend(&line);
    assert_eq!((&ended, &watch.started), (&expected, &expected));
    assert!(
        line.iter().all(|id| watch.waited_ns[&id.0] >= 1_000_000),
        "{:?}",
        watch.waited_ns
    );
    assert_eq!(
        watch.counters().connections_opened,
        1,
        "several channels on one connection"
    );
}

/// Where an exchange's connection leads is known from its opening on, and after the end too; who waits in line has
/// met none.
pub fn the_address_is_known_of_who_has_met_one<H: Harness>() {
    let mut watch = Watch::<H>::new(Limit::Shared(1));
    let channel = watch.channel();
    let first = watch.submit(channel, "/answer");
    let second = watch.submit(channel, "/hold");
    assert!(watch.address_of(first).is_some() && watch.address_of(second).is_none());
    watch.listen("the second starts", |watch| watch.has_started(second));
    let address = watch.address_of(first);
    assert!(address.is_some());
    assert_eq!(watch.address_of(second), address);
    watch.cancel(second);
    assert_eq!(watch.address_of(second), address);
    assert_eq!(watch.address_of(ExchangeId(7)), None);
}

/// A wait ends at its time where nothing happens; what was not taken before another wait is there after it.
pub fn a_wait_ends_in_time_and_loses_nothing<H: Harness>() {
    let mut watch = Watch::<H>::new(Limit::Each(1));
    let before_ns = watch.harness.now_ns();
    let returned_ns = watch.wait(2_000_000);
    assert!(returned_ns >= before_ns + 2_000_000);

    let channels: Vec<_> = (0..5).map(|_| watch.channel()).collect();
    for channel in &channels {
        watch.submit(*channel, "/hold");
    }
    watch.listen("all start", |watch| watch.started.len() == 5);
    watch.harness.let_go();
    watch.harness.await_answers(5);
    for _ in 0..3 {
        watch.wait(1_000_000_000);
        watch.take();
    }
    watch.finish();
    assert_eq!(watch.ended.len(), 5);
}

/// Only a connection that has carried something can be stale, and who asks for a fresh one gets a fresh one.
pub fn stale_connections_are_told_from_fresh_ones<H: Harness>() {
    let mut watch = Watch::<H>::new(Limit::Shared(1));
    let channel = watch.channel();
    let unused = watch.submit(channel, "/close");
    watch.finish();
    assert!(watch.met_a_closed_connection(unused) && !watch.outcome(unused).stale);

    watch.submit(channel, "/answer");
    watch.finish();
    let used = watch.submit(channel, "/close");
    watch.finish();
    assert!(watch.met_a_closed_connection(used) && watch.outcome(used).stale);

    // Past an idle connection, with room for no other.
    watch.submit(channel, "/answer");
    watch.finish();
    let opened = watch.counters().connections_opened;
    let retry = watch.submit_fresh(channel, "/answer");
    watch.finish();
    assert_eq!(
        (watch.outcome(retry).status, watch.counters().connections_opened),
        (200, opened + 1)
    );

    // In line behind one that is in flight, whose connection will be free but used.
    watch.submit(channel, "/hold");
    let retry = watch.submit_fresh(channel, "/answer");
    let behind = watch.submit(channel, "/answer");
    watch.harness.let_go();
    watch.finish();
    assert_eq!((watch.outcome(retry).status, watch.outcome(behind).status), (200, 200));
    assert_eq!(watch.counters().connections_opened, opened + 2);
}

/// A request that says that it is the last on its connection is, whatever the response says, and also of one that waited.
pub fn a_request_that_closes_its_connection_is_its_last<H: Harness>() {
    let mut watch = Watch::<H>::new(Limit::Shared(1));
    let channel = watch.channel();
    for _ in 0..2 {
        watch.submit_last(channel, "/answer");
        watch.finish();
    }
    for _ in 0..2 {
        watch.submit(channel, "/answer");
        watch.finish();
    }
    let counters = watch.counters();
    assert_eq!((counters.connections_opened, counters.connections_reused), (3, 1));
    watch.submit(channel, "/answer");
    watch.submit_last(channel, "/answer");
    watch.submit(channel, "/answer");
    watch.finish();
    let counters = watch.counters();
    assert_eq!((counters.connections_opened, counters.connections_reused), (4, 3));
}

/// A channel takes its own connections with it; shared ones stay.
pub fn a_closed_channel_closes_its_connections<H: Harness>() {
    let mut watch = Watch::<H>::new(Limit::Each(2));
    let (gone, stays) = (watch.channel(), watch.channel());
    for channel in [gone, gone, stays] {
        watch.submit(channel, "/answer");
    }
    watch.finish();
    watch.harness.transport().close_channel(gone);
    assert_eq!(watch.counters().closed_by_us, 2);
    let reused = watch.counters().connections_reused;
    watch.submit(stays, "/answer");
    watch.finish();
    assert_eq!(
        (watch.counters().closed_by_us, watch.counters().connections_reused),
        (2, reused + 1)
    );

    let mut watch = Watch::<H>::new(Limit::Shared(2));
    let (gone, stays) = (watch.channel(), watch.channel());
    watch.submit(gone, "/answer");
    watch.finish();
    watch.harness.transport().close_channel(gone);
    watch.submit(stays, "/answer");
    watch.finish();
    assert_eq!(
        (watch.counters().closed_by_us, watch.counters().connections_opened),
        (0, 1)
    );
}
