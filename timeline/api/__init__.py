"""HTTP, thin: read the request, ask the log or a read model, answer in the format asked for.

edge        before and after every request: HEAD, OPTIONS, suffixes, limits, headers, the access log
query, body what a request says, every fault at once         answer     formats, ETag, 304
problems    errors as RFC 9457 problem documents             contract   what each route says of itself
events, timelines, weeks, registries, impact, changes, meta  the routes
openapi     the document of all of it
"""
