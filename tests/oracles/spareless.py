"""The service that takes writes until the disk is full: a variant, on which PostgreSQL panics and reads end."""

from timeline.cli import main
from timeline.db import embedded

if __name__ == "__main__":
    embedded.SPARE_BYTES_MIN = embedded.SPARE_BYTES_AGAIN = 0
    main()
