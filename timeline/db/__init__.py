"""PostgreSQL: the pool, the embedded server, the migrations, the bell and the named statements."""
