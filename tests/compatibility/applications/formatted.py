"""The documented way to change the format of uvicorn's access log."""

import sys

import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.get("/ok")
def ok() -> str:
    return "ok"


if __name__ == "__main__":
    config = uvicorn.config.LOGGING_CONFIG
    config["formatters"]["access"]["fmt"] = "MINE %(levelname)s %(message)s"
    uvicorn.run(app, port=int(sys.argv[1]), log_config=config)
