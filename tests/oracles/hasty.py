"""The service with little patience, so that a test of patience takes no minute."""

import os

from timeline.api import wire
from timeline.cli import main
from timeline.log import writer

if __name__ == "__main__":
    os.environ |= {"TIMELINE_REQUEST_GRACE_SECONDS": "1", "TIMELINE_UNREAD_SECONDS_MAX": "2"}
    wire.LOOK_SECONDS = 0.1
    writer.RETRY_SECONDS_MAX = 1.0
    main()
