"""Timeline: who said what happened, where each claim stands, and what we knew when.

HTTP → admit → append → log → projector → read model → page → format → HTTP

model         VOCABULARY, pure: kinds, dates, standing, weeks        log           TRUTH: admit, append, read
projections   READ MODELS: fold, projector, pages, slices            formats       OUTPUT, pure, one file each
importers     INPUT of others' data sets, one file each              db            POSTGRESQL
client        HTTP from the other side, async and sync
api           HTTP, thin        web   templates and static files     app           the composition root
cli           serve · brief · post · show · watch · check                      settings, errors, access
"""

__version__ = "0.1.0"
