//! What HTTP/2, gRPC and WebSocket will ask of the transport seam, and the fake target does today: several exchanges
//! on one channel, several channels on one connection, no stream free as a wait, samples before an end.

use apibench_core::clock::ManualClock;
use apibench_core::failure::Failure;
use apibench_core::fake_target::{End, FakeHost, FakeTarget, Ownership, Reply, Sample};
use apibench_core::transport::{ChannelId, Event, ExchangeId, HostIndex, Outgoing, Submission, Transport};

fn submit(target: &mut FakeTarget<'_>, channel: ChannelId, number: u32) -> Submission {
    let request = Outgoing {
        bytes: b"request",
        head_request: false,
        keep_location: false,
        keep_cookies: false,
        keep_response: false,
        fresh_connection: false,
        closes: false,
    };
    target.submit(ExchangeId(number), channel, request)
}

/// What happens until `until_ns`: when, to whom, and what.
fn listen(target: &mut FakeTarget<'_>, until_ns: u64) -> Vec<(u64, u32, String)> {
    let mut heard = Vec::new();
    loop {
        let now_ns = target.wait(until_ns);
        let mut any = false;
        while let Some(event) = target.next() {
            any = true;
            let id = event.exchange().0;
            heard.push(match event {
                Event::Started { waited_ns, .. } => (now_ns, id, format!("started, waited {waited_ns}")),
                Event::Sample { kind, .. } => (now_ns, id, format!("sample {kind}")),
                Event::Ended { outcome, .. } => (now_ns, id, format!("ended {:?}", outcome.failure)),
            });
        }
        if !any && now_ns >= until_ns {
            return heard;
        }
    }
}

fn heard(expected: &[(u64, u32, &str)]) -> Vec<(u64, u32, String)> {
    expected
        .iter()
        .map(|(at_ns, id, what)| (*at_ns, *id, (*what).to_owned()))
        .collect()
}

/// Two streams on one connection that all channels share, open after 10 ns.
const TWO_STREAMS: FakeHost = FakeHost {
    ownership: Ownership::Shared(1),
    streams: 2,
    opening_ns: 10,
    refusal: None,
};

#[test]
fn streams_of_one_connection_carry_exchanges_of_several_channels_and_who_finds_none_waits() {
    let clock = ManualClock::at(0);
    let mut target = FakeTarget::new(clock, vec![TWO_STREAMS], |_| End::answer(100, 200).into());
    let (one, other) = (target.open_channel(HostIndex(0)), target.open_channel(HostIndex(0)));
    // Two on one channel, then two on another: two streams for the four.
    for (number, channel) in [(0, one), (1, one), (2, other), (3, other)] {
        assert_eq!(submit(&mut target, channel, number), Submission::Waiting);
    }
    let expected = [
        (10, 0, "started, waited 0"),
        (10, 1, "started, waited 10"),
        (110, 0, "ended None"),
        (110, 2, "started, waited 110"),
        (110, 1, "ended None"),
        (110, 3, "started, waited 110"),
        (210, 2, "ended None"),
        (210, 3, "ended None"),
    ];
    let told = listen(&mut target, 1_000);
    assert_eq!(told, heard(&expected));
    assert_eq!((target.counters().connections_opened, target.unended()), (1, 0));
}

#[test]
fn samples_of_several_kinds_come_before_the_end_and_none_after_a_cancel() {
    let clock = ManualClock::at(0);
    let mut target = FakeTarget::new(clock, vec![TWO_STREAMS], |_| {
        let sample = |kind, after_ns| Sample {
            kind,
            after_ns,
            received_bytes: 5,
        };
        Reply {
            samples: vec![sample(1, 20), sample(2, 30), sample(1, 40)],
            end: End::Fail {
                after_ns: 50,
                failure: Failure::TcpReset,
            },
            response: Vec::new(),
        }
    });
    let channel = target.open_channel(HostIndex(0));
    submit(&mut target, channel, 7);
    let expected = [
        (10, 7, "started, waited 0"),
        (30, 7, "sample 1"),
        (40, 7, "sample 2"),
        (50, 7, "sample 1"),
        (60, 7, "ended Some(TcpReset)"),
    ];
    assert_eq!(listen(&mut target, 100), heard(&expected));

    submit(&mut target, channel, 8);
    assert_eq!(listen(&mut target, 135).last().unwrap().2, "sample 1");
    target.cancel(ExchangeId(8));
    assert_eq!(listen(&mut target, 1_000), []);
}

#[test]
fn a_cut_is_stale_as_told_on_a_fresh_connection_and_on_a_used_one() {
    for stale in [true, false] {
        for served in [0, 1] {
            let clock = ManualClock::at(0);
            let mut target = FakeTarget::new(clock, vec![FakeHost::ONE_EACH], move |arrived| {
                if arrived.served < served {
                    return End::answer(100, 200).into();
                }
                End::Cut {
                    after_ns: 100,
                    failure: Failure::TcpClosed,
                    stale,
                }
                .into()
            });
            let channel = target.open_channel(HostIndex(0));
            for number in 0..served {
                submit(&mut target, channel, number as u32);
                listen(&mut target, 1_000);
            }
            submit(&mut target, channel, 7);
            let told = loop {
                target.wait(u64::MAX);
                match target.next() {
                    Some(Event::Ended { outcome, .. }) => break (outcome.failure, outcome.stale),
                    event => assert!(event.is_none_or(|event| matches!(event, Event::Started { .. }))),
                }
            };
            assert_eq!(told, (Some(Failure::TcpClosed), stale), "after {served}");
        }
    }
}

#[test]
fn a_late_loop_reads_late_and_stamps_what_it_reads_when_it_reads() {
    let clock = ManualClock::at(0);
    let host = FakeHost::ONE_EACH;
    let mut target = FakeTarget::new(clock, vec![host], |_| End::answer(100, 200).into()).with_naps([(100, 400)]);
    let channel = target.open_channel(HostIndex(0));
    submit(&mut target, channel, 0);
    assert_eq!(
        listen(&mut target, 1_000),
        heard(&[(0, 0, "started, waited 0"), (500, 0, "ended None")])
    );
}
