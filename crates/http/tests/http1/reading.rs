//! Answers, and what lies behind them.

use std::io::Write as _;
use std::net::TcpStream;
use std::os::fd::AsRawFd as _;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use apibench_core::transport::KEPT_RESPONSE_BYTES;

use crate::wire::{GET, OK, PATIENCE, Wire, heard, host, read_head, serving};

const SURPLUS: &[u8] = b"HTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n";

/// An answer of so many bytes, head and body: not just above a power of ten, where its own length would change the head's.
fn answer_of(total_bytes: usize) -> Vec<u8> {
    let head = |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    let mut answer = head(total_bytes - head(total_bytes - 100).len()).into_bytes();
    answer.resize(total_bytes, b'x');
    answer
}

/// Two requests, of which the first gets `first` whole before the client looks: their results, and the connections.
fn ask_twice(first: Vec<u8>) -> (Vec<u16>, u64) {
    let (sends, sent) = channel();
    let address = serving(move |mut stream, number| {
        let mut answers = [first.as_slice()].into_iter().filter(|_| number == 0);
        while !read_head(&mut stream)?.is_empty() {
            stream.write_all(answers.next().unwrap_or(OK))?;
            sends.send(()).map_err(std::io::Error::other)?;
        }
        Ok(())
    });
    let mut wire = Wire::to(host(address));
    let channel = wire.channel();
    for _ in 0..2 {
        let started = wire.started.len();
        wire.send(channel, GET);
        wire.until("it starts", |wire| wire.started.len() > started);
        heard(&sent).unwrap();
        wire.finish();
    }
    let statuses = wire.results().into_iter().map(|result| result.unwrap()).collect();
    (statuses, wire.counters().connections_opened)
}

#[test]
fn what_lies_behind_a_body_that_was_dropped_is_no_answer() {
    assert_eq!(ask_twice([&answer_of(100_000), SURPLUS].concat()), (vec![200, 200], 2));
    assert_eq!(ask_twice(answer_of(100_000)), (vec![200, 200], 1));
}

#[test]
fn what_lies_behind_an_answer_that_fills_the_buffer_is_no_answer() {
    assert_eq!(ask_twice([&answer_of(65_536), SURPLUS].concat()), (vec![200, 200], 2));
    assert_eq!(ask_twice(answer_of(65_536)), (vec![200, 200], 1));
}

#[test]
fn whose_answer_is_read_next_is_told_ahead() {
    let address = serving(|mut stream, _| {
        while !read_head(&mut stream)?.is_empty() {
            stream.write_all(OK)?;
        }
        Ok(())
    });
    let mut wire = Wire::to(host(address));
    let channels: Vec<_> = (0..20).map(|_| wire.channel()).collect();
    for _ in 0..5 {
        for channel in &channels {
            wire.send(*channel, GET);
        }
        wire.finish();
    }
    assert!(wire.told_ahead.len() >= 80, "{:?}", wire.told_ahead);
    assert!(
        wire.told_ahead.iter().all(|(ahead, told)| ahead == told),
        "{:?}",
        wire.told_ahead
    );
}

#[test]
fn a_chunk_that_is_dropped_to_its_end_is_not_the_end() {
    let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..3 {
        answer.extend(format!("{:x}\r\n", 30_000).bytes());
        answer.resize(answer.len() + 30_000, b'x');
        answer.extend(b"\r\n");
    }
    answer.extend(b"0\r\n\r\n");
    assert_eq!(ask_twice(answer), (vec![200, 200], 1));
}

/// Waits until the client's kernel has all that was written.
fn delivered(stream: &TcpStream) -> std::io::Result<()> {
    let began = Instant::now();
    let mut unacknowledged: libc::c_int = 1;
    while unacknowledged > 0 {
        if began.elapsed() > PATIENCE {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        std::thread::yield_now();
        // SAFETY: the request writes one int, to which the pointer leads.
        unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut unacknowledged) };
    }
    Ok(())
}

/// Whether a small answer that came behind a large one is told before it. `None`: the client's kernel would not hold the
/// large one, so they did not come at once.
fn small_comes_first() -> Option<bool> {
    const WARMING: usize = 8;
    let (sends, sent) = channel();
    let address = serving(move |mut stream, number| {
        let mut asked = 0;
        while !read_head(&mut stream)?.is_empty() {
            asked += 1;
            match (number, asked) {
                // The window grows with what is read from it, until it holds more than a turn's share.
                (0, ..=WARMING) => stream.write_all(&answer_of(9_000_000))?,
                (0, _) => stream.write_all(&answer_of(1_700_000))?,
                _ => stream.write_all(OK)?,
            }
            if number > 0 || asked > WARMING {
                delivered(&stream)?;
                sends.send(()).map_err(std::io::Error::other)?;
            }
        }
        Ok(())
    });
    let mut wire = Wire::to(host(address));
    let (large, small) = (wire.channel(), wire.channel());
    wire.one_by_one(large, WARMING);
    wire.send(small, GET);
    wire.finish();
    heard(&sent).unwrap();
    wire.ended.clear();
    let first = wire.send(large, GET);
    sent.recv_timeout(Duration::from_secs(1)).ok()?;
    let second = wire.send(small, GET);
    heard(&sent).unwrap();
    wire.finish();
    let order: Vec<_> = wire.ended.iter().map(|(id, _)| *id).collect();
    Some(order == [second, first])
}

#[test]
fn a_large_answer_lets_others_have_their_turn() {
    // How large a window becomes is up to the kernel, and to how busy the machine is.
    let tried = (0..8).find_map(|_| small_comes_first());
    assert_eq!(tried, Some(true));
}

#[test]
fn small_answers_cost_one_send_and_one_receive() {
    let address = serving(|mut stream, _| {
        while !read_head(&mut stream)?.is_empty() {
            stream.write_all(OK)?;
        }
        Ok(())
    });
    let mut wire = Wire::to(host(address));
    let channel = wire.channel();
    wire.one_by_one(channel, 50);
    let counters = wire.counters();
    assert_eq!((counters.sends, counters.receives), (50, 50));
}

#[test]
fn a_response_is_kept_whole_however_it_comes() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n20\r\n\
        01234567890123456789012345678901\r\n0\r\n\r\n"
        .to_vec();
    let unsized_one = b"HTTP/1.1 200 OK\r\n\r\nuntil the end".to_vec();
    // The second does not fit into a read, and is what the kernel would drop if nobody looked into it; the third fills one.
    for answer in [
        OK.to_vec(),
        answer_of(300_000),
        answer_of(64 * 1024),
        chunked,
        unsized_one,
    ] {
        for cut in [answer.len(), 1, 20, answer.len() - 1] {
            let (sent, closes) = (answer.clone(), answer.ends_with(b"end"));
            let address = serving(move |mut stream, _| {
                while !read_head(&mut stream)?.is_empty() {
                    stream.write_all(&sent[..cut])?;
                    std::thread::sleep(Duration::from_millis(10));
                    stream.write_all(&sent[cut..])?;
                    if closes {
                        return Ok(());
                    }
                }
                Ok(())
            });
            let mut wire = Wire::to(host(address));
            let channel = wire.channel();
            for _ in 0..2 {
                assert!(wire.ask(channel, GET) == answer, "{} bytes, cut at {cut}", answer.len());
            }
        }
    }
}

#[test]
fn no_more_is_kept_of_a_response_than_is_kept_of_any() {
    let answers = [
        answer_of(KEPT_RESPONSE_BYTES + 100_000),
        answer_of(KEPT_RESPONSE_BYTES + 1),
        answer_of(KEPT_RESPONSE_BYTES),
        OK.to_vec(),
    ];
    let sent = answers.clone();
    let address = serving(move |mut stream, _| {
        sent.iter().try_for_each(|answer| {
            read_head(&mut stream)?;
            stream.write_all(answer)
        })
    });
    let mut wire = Wire::to(host(address));
    let channel = wire.channel();
    for (answer, cut) in answers.iter().zip([true, true, false, false]) {
        let kept = wire.ask(channel, GET);
        assert!(kept == answer[..answer.len().min(KEPT_RESPONSE_BYTES)]);
        assert_eq!(
            wire.cut,
            cut,
            "it is told whether there was more than {} bytes",
            kept.len()
        );
    }
    assert_eq!(wire.results(), [Ok(200); 4]);
}
