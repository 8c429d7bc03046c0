"""
Numbers as people read them, in summaries and messages. Rounded, so nothing parses them back.

Three significant digits: that is what the histogram holds (0.1 %), and more would claim to know more.
Rounding is half up, by integers, so that the same number prints the same on every machine.
"""

_SCALES_NS = ((1_000, "µs"), (1_000_000, "ms"), (1_000_000_000, "s"))
_MINUTE_NS = 60_000_000_000
_HOUR_NS = 60 * _MINUTE_NS


def human_duration(duration_ns: int) -> str:
    """`850 ns`, `12.1 ms`, `1.50 s`, `1 min 30 s`, `2 h 5 min`."""
    if duration_ns < 1_000:
        return f"{duration_ns} ns"
    for scale_ns, unit in _SCALES_NS:
        limit = 60 if unit == "s" else 1_000
        text = _three_digits(duration_ns, scale_ns)
        # 999.96 µs rounds to 1000 µs: the next unit says it better, so the rounded text decides.
        if float(text) < limit:
            return f"{text} {unit}"
    if duration_ns < _HOUR_NS - 500_000_000:
        minutes, seconds = divmod((duration_ns + 500_000_000) // 1_000_000_000, 60)
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod((duration_ns + _MINUTE_NS // 2) // _MINUTE_NS, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def human_count(count: int) -> str:
    """`71,400`"""
    return f"{count:,}"


def human_rate(count: int, length_ns: int) -> str:
    """Events per second over a span: `71,400/s`, and with decimals below 100: `12.5/s`. `length_ns` > 0."""
    per_s_times_1000 = (count * 1_000_000_000_000 + length_ns // 2) // length_ns
    if per_s_times_1000 >= 100_000:
        return f"{(per_s_times_1000 + 500) // 1_000:,}/s"
    return f"{_three_digits(per_s_times_1000, 1_000)}/s"


def human_size(size_bytes: int) -> str:
    """`512 B`, `1.21 MB`: powers of 1,000, as network people count."""
    if size_bytes < 1_000:
        return f"{size_bytes} B"
    for scale, unit in ((1_000, "kB"), (1_000_000, "MB"), (1_000_000_000, "GB")):
        text = _three_digits(size_bytes, scale)
        if float(text) < 1_000:
            return f"{text} {unit}"
    return f"{(size_bytes + 500_000_000_000) // 1_000_000_000_000:,} TB"


def human_share(part: int, whole: int) -> str:
    """`0.12 %`. Never `0 %` or `100 %` unless it is exactly that: one failure in a million must show."""
    if whole == 0:
        return "-"
    if part in (0, whole):
        return "0 %" if part == 0 else "100 %"
    hundredths = (part * 10_000 + whole // 2) // whole
    if hundredths == 0:
        return "< 0.01 %"
    if hundredths == 10_000:
        return "> 99.99 %"
    return f"{hundredths // 100}.{hundredths % 100:02} %"


def _three_digits(value: int, scale: int) -> str:
    """`value / scale` with three significant digits, but never fewer than its whole digits."""
    for decimals, limit in ((2, 1_000), (1, 1_000), (0, None)):
        power = 10**decimals
        rounded = (value * power + scale // 2) // scale
        if limit is None or rounded < limit:
            return f"{rounded // power}.{rounded % power:0{decimals}}" if decimals else str(rounded)
    raise AssertionError  # the last row has no limit
