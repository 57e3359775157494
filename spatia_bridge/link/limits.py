"""Every bound of the live link, and what happens at it. A client learns those it must keep in the welcome.

    queue             bound                        policy at the bound
    control           MAX_CONTROL messages         lossless: the link ends with LIMIT_EXCEEDED
    progress          MAX_JOBS jobs                latest wins for each job; the oldest job is forgotten; told anew at attach
    recording         one                          latest wins, RECORDING_RATE_HZ
    live projection   one rendered or waiting      latest pose wins; none is rendered while one waits to be sent; clients take
                                                   turns, and each is rendered under its pose of then
    take frames       MAX_FRAMES references        pushed: the oldest is left out; fetched: LIMIT_EXCEEDED
                      FRAMES_IN_FLIGHT encoded     the next one is encoded when one was sent
    chunks            one mark for each chunk      coalesced by index, newest version; sent against the client's credit
    removals          one mark for each chunk      batches of REMOVED_BATCH; free of credit

Control goes first, then recording and progress; live projection, take frames and chunks take turns.
"""

MAX_CONTROL = 1024
MAX_JOBS = 64
RECORDING_RATE_HZ = 4.0
MAX_FRAMES = 4096
FRAMES_IN_FLIGHT = 2
REMOVED_BATCH = 512

COARSE_POINTS = 512  # of a chunk's first part
PART_POINTS = 5120  # of any other: 40 KiB, so that a message stays below 48 KiB
BATCH_BYTES = 40 << 10  # of the data of parts that go in one message, unless the client asks for more
MAX_BATCH_BYTES = 1 << 20
BATCH_PARTS = 64  # a few milliseconds to put together, whatever their size
TABLE_PARTS = 512  # the same in a table
SLIVER_BYTES = 1024  # less credit than this is saved up, unless the part is that small
MAX_CREDIT_BYTES = 1 << 40
RESORT_SECS = 0.2  # a moving camera puts the backlog in a new order at most so often

MAX_POSE_RATE_HZ = 240
MAX_VIEWS_PER_SEED = 64
MAX_SEED_PIXELS = 1 << 25  # of all views of a sweep: they are all in memory at once, at some 10 bytes a pixel
MAX_SEED_BYTES = 256 << 20
MAX_TRAJECTORY_POSES = 20_000  # in one message; a recording may be longer
MAX_CLIPS = 1000

DEFAULT_LIVE_RATE_HZ = 15.0
MAX_LIVE_RATE_HZ = 60.0
MAX_LIVE_PIXELS = 1920 * 1080

MAX_NAME_CHARACTERS = 200
MAX_PROMPT_CHARACTERS = 10_000
