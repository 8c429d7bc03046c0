//! Which addresses may be connected to.
//!
//! Looked at where the connection is made and not where a plan is taken: what a name stands for is anybody's choice who
//! owns the name, and may change between the two.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::sys::Address;

/// Where clouds keep what a machine may know of itself, its keys among it. Never a target.
const METADATA: [IpAddr; 8] = [
    v4([169, 254, 169, 254]), // AWS, Google, Azure, OpenStack, DigitalOcean, ...
    v4([169, 254, 170, 2]),   // AWS, of containers
    v4([169, 254, 170, 23]),  // AWS, of pods
    v4([100, 100, 100, 200]), // Alibaba
    v4([192, 0, 0, 192]),     // Oracle
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]),
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23]),
    v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]), // Google
];

const fn v4([a, b, c, d]: [u8; 4]) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h))
}

/// A range of addresses: those that begin with the first `length` bits of `base`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    base: IpAddr,
    length: u32,
}

impl Range {
    /// `10.0.0.0/8`, `fd00::/8`, or one address. Bits beyond the length mean nothing.
    fn parse(text: &str) -> Option<Self> {
        let (base, length) = match text.split_once('/') {
            Some((base, length)) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
                (base, Some(length.parse::<u32>().ok()?))
            }
            Some(_) => return None,
            None => (text, None),
        };
        let base: IpAddr = base.parse().ok()?;
        let width = if base.is_ipv4() { 32 } else { 128 };
        let length = length.unwrap_or(width);
        if length > width {
            return None;
        }
        // Of IPv4 in IPv6's clothes the plain form is compared, so a range of them is one too.
        let plain = base.to_canonical();
        if plain != base && length >= 96 {
            return Some(Self {
                base: plain,
                length: length - 96,
            });
        }
        Some(Self { base, length })
    }

    fn holds(&self, address: IpAddr) -> bool {
        let (width, base, address) = match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => (32, u128::from(base.to_bits()), u128::from(address.to_bits())),
            (IpAddr::V6(base), IpAddr::V6(address)) => (128, base.to_bits(), address.to_bits()),
            _ => return false,
        };
        self.length == 0 || (base ^ address) >> (width - self.length) == 0
    }
}

/// Says which addresses may be connected to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guard {
    guarded: bool,
    allowed: Vec<Range>,
}

impl Guard {
    /// Denies the metadata services of clouds; where it is `guarded` also link-local, multicast and unspecified addresses
    /// and Unix sockets; and all that is in none of the `allowed` ranges, if there are any.
    ///
    /// # Errors
    /// In words, for a range that is none.
    pub fn new<T: AsRef<str>>(guarded: bool, allowed: &[T]) -> Result<Self, String> {
        let ranges = allowed.iter().map(|text| {
            let text = text.as_ref();
            Range::parse(text).ok_or_else(|| format!("allowed: {text:?} is no range of addresses like 10.0.0.0/8"))
        });
        Ok(Self {
            guarded,
            allowed: ranges.collect::<Result<_, _>>()?,
        })
    }

    /// Why an address may not be connected to, in words; `None` if it may.
    #[must_use]
    pub fn denies(&self, address: &Address) -> Option<&'static str> {
        let Address::Tcp(address) = address else {
            let denied = self.guarded || !self.allowed.is_empty();
            return denied.then_some("Unix sockets are in no range of addresses that is allowed here");
        };
        let address = address.ip().to_canonical();
        // What a gateway of a network without IPv4 makes of it is an address too.
        let translated = behind_nat64(address);
        for address in [Some(address), translated].into_iter().flatten() {
            if METADATA.contains(&address) {
                return Some("it is a cloud's metadata service");
            }
            if self.guarded && is_nobodys_target(address) {
                return Some("link-local, multicast and unspecified addresses are never allowed here");
            }
        }
        let reached = translated.unwrap_or(address);
        let held = |address| self.allowed.iter().any(|range| range.holds(address));
        let allowed = self.allowed.is_empty() || held(address) || held(reached);
        (!allowed).then_some("it is in no range of addresses that is allowed here")
    }
}

fn is_nobodys_target(address: IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    link_local || address.is_multicast() || address.is_unspecified()
}

/// The IPv4 address that a translator reaches under `64:ff9b::/96` (RFC 6052).
fn behind_nat64(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(address) = address else { return None };
    let bits = address.to_bits();
    (bits >> 32 == 0x0064_ff9b << 64).then(|| IpAddr::V4(Ipv4Addr::from_bits(bits as u32)))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::path::PathBuf;

    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Address {
        Address::Tcp(SocketAddr::new(text.parse().unwrap(), 80))
    }

    fn guard(guarded: bool, allowed: &[&str]) -> Guard {
        Guard::new(guarded, allowed).unwrap()
    }

    fn verdicts(guard: &Guard, denied: &[&str], passed: &[&str]) {
        for text in denied {
            assert!(guard.denies(&at(text)).is_some(), "{text} is denied");
        }
        for text in passed {
            assert_eq!(guard.denies(&at(text)), None, "{text}");
        }
    }

    #[test]
    fn metadata_is_denied_everywhere_in_whatever_clothes_and_whatever_is_allowed() {
        let metadata = [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "::ffff:a9fe:a9fe",
            "64:ff9b::a9fe:a9fe",
            "169.254.170.2",
            "fd00:ec2::254",
        ];
        for guard in [
            guard(false, &[]),
            guard(true, &[]),
            guard(true, &["0.0.0.0/0", "::/0"]),
            guard(false, &["169.254.169.254"]),
        ] {
            verdicts(&guard, &metadata, &[]);
        }
    }

    #[test]
    fn one_s_own_machine_may_load_what_it_likes_but_that() {
        verdicts(
            &guard(false, &[]),
            &[],
            &[
                "127.0.0.1",
                "::1",
                "10.0.0.1",
                "169.254.1.1",
                "fe80::1",
                "0.0.0.0",
                "8.8.8.8",
            ],
        );
        assert_eq!(guard(false, &[]).denies(&Address::Unix(PathBuf::from("/run/it"))), None);
    }

    #[test]
    fn in_an_installation_nobody_s_targets_are_denied_even_where_everything_is_allowed() {
        let nobodys = [
            "169.254.0.1",
            "169.254.255.255",
            "::ffff:169.254.1.1",
            "fe80::1",
            "febf::1",
            "224.0.0.1",
            "239.1.2.3",
            "ff02::1",
            "0.0.0.0",
            "::",
            "::ffff:0.0.0.0",
            "255.255.255.255",
        ];
        for allowed in [&[][..], &["0.0.0.0/0", "::/0"]] {
            verdicts(
                &guard(true, allowed),
                &nobodys,
                &["127.0.0.1", "10.1.2.3", "fd00::1", "2001:db8::1"],
            );
            assert!(
                guard(true, allowed)
                    .denies(&Address::Unix(PathBuf::from("/run/it")))
                    .is_some()
            );
        }
    }

    #[test]
    fn what_is_in_no_allowed_range_is_denied() {
        verdicts(
            &guard(
                true,
                &["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::ffff:198.51.100.0/120"],
            ),
            &[
                "11.0.0.1",
                "9.255.255.255",
                "192.0.2.8",
                "2001:db9::1",
                "127.0.0.1",
                "::1",
                "::ffff:11.0.0.1",
                "198.51.101.1",
            ],
            &[
                "10.0.0.0",
                "10.255.255.255",
                "::ffff:10.1.1.1",
                "192.0.2.7",
                "2001:db8:ffff::1",
                "198.51.100.9",
                "64:ff9b::a00:1",
            ],
        );
        assert!(
            guard(false, &["10.0.0.0/8"])
                .denies(&Address::Unix(PathBuf::from("/run/it")))
                .is_some()
        );
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0/8",
            "example.com",
            "10.0.0.0/8/8",
            " 10.0.0.0/8",
        ] {
            let refused = Guard::new(true, &[text]).unwrap_err();
            assert!(refused.contains("no range of addresses"), "{refused}");
        }
    }

    proptest! {
        #[test]
        fn a_range_holds_what_shares_its_first_bits(base: u32, other: u32, length in 0_u32..=32) {
            let text = format!("{}/{length}", Ipv4Addr::from_bits(base));
            let shares = (0..length).all(|bit| (base ^ other) & (1 << (31 - bit)) == 0);
            prop_assert_eq!(Range::parse(&text).unwrap().holds(IpAddr::V4(Ipv4Addr::from_bits(other))), shares);
        }

        #[test]
        fn so_does_one_of_the_longer_addresses(base: u128, other: u128, near: bool, length in 0_u32..=128) {
            let other = if near { base ^ (other >> length.min(127)) } else { other };
            let text = format!("{}/{length}", Ipv6Addr::from_bits(base));
            let shares = (0..length).all(|bit| (base ^ other) & (1 << (127 - bit)) == 0);
            prop_assert_eq!(Range::parse(&text).unwrap().holds(IpAddr::V6(Ipv6Addr::from_bits(other))), shares);
        }
    }
}
