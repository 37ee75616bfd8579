"""The servers that other tests stand on."""

from sqlalchemy import create_engine, text

from tests.service.servers import PostgresServer, RedisServer


def test_a_killed_redis_comes_back_empty(redis_server: RedisServer, redis_url: str) -> None:
    with redis_server.client() as client:
        client.set("here", "before")
    redis_server.kill()
    redis_server.start()
    with redis_server.client() as client:
        assert client.get("here") is None
        client.set("here", "again")
        assert client.get("here") == b"again"


def test_a_restarted_postgres_keeps_what_was_committed(
    postgres: PostgresServer, postgres_url: str
) -> None:
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept (n integer)"))
        connection.execute(text("INSERT INTO kept VALUES (7)"))
    postgres.restart()
    engine.dispose()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT n FROM kept")).scalar_one() == 7
    engine.dispose()


def test_every_database_is_empty(postgres: PostgresServer, postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        count = text("SELECT count(*) FROM information_schema.tables WHERE table_schema='public'")
        assert connection.execute(count).scalar_one() == 0
    engine.dispose()
