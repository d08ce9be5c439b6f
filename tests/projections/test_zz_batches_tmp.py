import random, asyncpg, pytest
from tests.projections.logged import Log
from tests.projections.streams import Stream
from timeline.importers.libya_week import REGISTRATIONS
from timeline.projections import fold
from timeline.projections.projector import make_tables
from timeline.projections.store import load_world, save_world
from timeline.projections.tables import TABLES

class Collect(Log):
    pass

async def folded(dsn, stored, size):
    c = await asyncpg.connect(dsn, server_settings={"search_path":"timeline","timezone":"UTC"})
    async with c.transaction():
        t = await make_tables(c)
    await c.execute("SELECT set_config('search_path', $1, false)", f"{t}, timeline")
    i=0
    rng=random.Random(5)
    while i < len(stored):
        n = size or rng.randint(1,9)
        batch=[(s, fold.read_record(s)) for s in stored[i:i+n]]; i+=n
        async with c.transaction():
            w = await load_world(c, batch)
            for s,r in batch: fold.fold(w, s, r)
            await save_world(c, w)
    d = await c.fetchval(TABLES.digest)
    tabs={}
    for name in ("event","answer","rest","registered","voice","event_state","timeline_entry"):
        tabs[name]=sorted(map(str, await c.fetch(f"select * from {name}")))
    await c.close()
    return d, tabs

@pytest.mark.parametrize("seed", range(25))
async def test_b(db, seed):
    log, stream = Log().post(REGISTRATIONS), Stream(seed)
    for _ in range(60): log.post([stream.post()])
    ds=[await folded(db, log.stored, n) for n in (1, 0, 1000)]
    for n,x in enumerate(ds[1:]):
        for name in x[1]:
            a,b=set(ds[0][1][name]),set(x[1][name])
            if a!=b:
                print(seed, n, name, len(a-b),len(b-a)); print(list(a-b)[:2]); print(list(b-a)[:2])
    assert len({d for d,_ in ds})==1
