"""
What users of Python are told by a thread of the load, and what they say to it: `crates/engine/src/python/message.rs`
has the other end.
"""

from struct import Struct

MESSAGES = 1
"""The first byte of a frame of messages."""
TO_USER = Struct("<IIBBHIIQ")
"""Number, virtual user, what, length of the failure's name, status, lengths of head and body, nanoseconds."""
BEGIN, RESPONSE, BODILESS, FAILED, SLEPT, ENDED = range(6)
FROM_USER = Struct("<IIBBHHHIIQQ")
"""
Number, virtual user, what, a flag, number of the request or check, how many ranges of statuses, lengths of target,
headers and body, nanoseconds that the user was at it, nanoseconds of a pause.
"""
REQUEST, SLEEP, CHECK, END = range(4)
RANGE = Struct("<HH")
