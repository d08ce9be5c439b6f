"""The service with little patience, so that a test of patience takes no minute."""

from timeline.api import wire
from timeline.cli import main
from timeline.log import writer

if __name__ == "__main__":
    wire.GRACE_SECONDS = 1.0
    wire.UNREAD_SECONDS_MAX = 2.0
    wire.LOOK_SECONDS = 0.1
    writer.RETRY_SECONDS_MAX = 1.0
    main()
