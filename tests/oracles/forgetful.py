"""The service that makes nothing of an Idempotency-Key: a broken variant, on which the oracle turns red."""

from timeline.api import posting
from timeline.cli import main

if __name__ == "__main__":
    posting.key_of = lambda request, who: None
    main()
