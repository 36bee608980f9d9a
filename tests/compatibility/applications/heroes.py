"""SQLAlchemy on asyncpg, and asyncpg alone, in one application."""

import os
from contextlib import asynccontextmanager

import asyncpg
from fastapi import Depends, FastAPI
from sqlalchemy import String, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

DSN = os.environ["DSN"]


class Base(DeclarativeBase): ...


class Hero(Base):
    __tablename__ = "hero"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(30))


engine = create_async_engine(DSN.replace("postgresql://", "postgresql+asyncpg://"), pool_pre_ping=True)
Session = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with asyncpg.create_pool(DSN, min_size=1, max_size=2) as app.state.pool:
        yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def session():
    async with Session() as opened:
        yield opened


@app.post("/heroes")
async def create(name: str, db: AsyncSession = Depends(session)) -> int:
    hero = Hero(name=name)
    db.add(hero)
    await db.commit()
    return hero.id


@app.get("/stream")
async def stream(db: AsyncSession = Depends(session)) -> list[int]:
    rows = await db.stream(text("SELECT g FROM generate_series(1, 5) g"))
    return [row[0] async for row in rows]


@app.get("/heroes")
async def heroes(db: AsyncSession = Depends(session)) -> list[str]:
    return [hero.name for hero in await db.scalars(select(Hero).limit(5))]


@app.get("/alone")
async def alone() -> list[int]:
    async with app.state.pool.acquire() as connection, connection.transaction():
        first = await connection.fetchval("SELECT 40 + $1::int", 2)
        prepared = await connection.prepare("SELECT $1::int")
        second = await prepared.fetchval(3)
        third = [row[0] async for row in connection.cursor("SELECT g FROM generate_series(1, 3) g")]
    return [first, second, *third]
