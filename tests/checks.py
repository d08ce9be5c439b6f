"""The one checker: whatever a test wrote, the log is whole and the read models are what folding it gives."""

from timeline.checking import Report, check_all


async def check_log(dsn: str) -> Report:
    """Verify the whole log, and what is live against a rebuild; every test that writes ends with this."""
    report = await check(dsn)
    assert report.faults == [], "\n".join(report.faults)
    return report


async def check(dsn: str) -> Report:
    """What `timeline check` finds."""
    return await check_all(dsn, None, _nobody_watches, _nobody_watches)


def _nobody_watches(at: int, of: int) -> None:
    """No progress bar."""
