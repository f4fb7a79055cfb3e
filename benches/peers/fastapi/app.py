"""The REST Proxy's produce route as one would write it by hand: FastAPI, with confluent-kafka polled on its own thread."""

import asyncio
import json
import os
from contextlib import asynccontextmanager
from threading import Thread

from confluent_kafka import KafkaException, Producer
from fastapi import FastAPI, HTTPException, Request

PRODUCER = Producer({"bootstrap.servers": os.environ["BOOTSTRAP_SERVERS"], "acks": "all", "linger.ms": 0})


@asynccontextmanager
async def polled(_):
    running = True

    def poll():
        while running:
            PRODUCER.poll(0.1)

    thread = Thread(target=poll)
    thread.start()
    yield
    running = False
    thread.join()
    PRODUCER.flush(10)


APP = FastAPI(lifespan=polled)


@APP.post("/topics/{topic}")
async def produce(topic: str, request: Request):
    loop = asyncio.get_running_loop()
    records = (await request.json())["records"]
    written = [loop.create_future() for _ in records]

    def delivered(future):
        def report(error, message):
            if error is None:
                loop.call_soon_threadsafe(future.set_result, (message.partition(), message.offset()))
            else:
                loop.call_soon_threadsafe(future.set_exception, KafkaException(error))

        return report

    for record, future in zip(records, written):
        PRODUCER.produce(topic, value=json.dumps(record["value"]), on_delivery=delivered(future))
    try:
        places = await asyncio.gather(*written)
    except KafkaException as error:
        raise HTTPException(503, str(error)) from error
    offsets = [{"partition": partition, "offset": offset, "error_code": None, "error": None} for partition, offset in places]
    return {"offsets": offsets, "key_schema_id": None, "value_schema_id": None}
