//! The suite of the transport seam, over the fake target and over HTTP/1.1 on the loopback interface.

mod seam;

macro_rules! suite {
    ($name:ident, $harness:ty, [$($check:ident),* $(,)?]) => {
        mod $name {
            $(#[test]
            fn $check() {
                super::seam::checks::$check::<$harness>();
            })*
        }
    };
}

macro_rules! over_every_transport {
    ($($check:ident),* $(,)?) => {
        suite!(fake_target, crate::seam::fake::Fake, [$($check),*]);
        suite!(http1, crate::seam::loopback::Loopback, [$($check),*]);
    };
}

over_every_transport!(
    every_exchange_ends_exactly_once,
    a_cancelled_exchange_is_never_heard_of_again,
    cancelled_openings_leave_nothing_behind,
    the_line_is_served_in_order,
    the_address_is_known_of_who_has_met_one,
    a_wait_ends_in_time_and_loses_nothing,
    stale_connections_are_told_from_fresh_ones,
    a_request_that_closes_its_connection_is_its_last,
    a_closed_channel_closes_its_connections,
);
