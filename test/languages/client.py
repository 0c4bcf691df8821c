"""Connects with the code of docs/guides/other-languages.md, and prints what it gets as JSON."""

import asyncio
import json
import sys

import socketio
from recovering import RecoveringNamespace


def tell(**seen):
    print(json.dumps(seen), flush=True)


class Client(RecoveringNamespace):
    async def on_welcome(self, welcome):
        tell(pod=welcome['pod'], recovered=welcome['recovered'])
        if not welcome['recovered']:
            await self.emit('join_room', 'lobby', callback=lambda reply: tell(joined=reply['ok']))

    async def on_news(self, number):
        tell(number=number)


async def main(url, token):
    namespace = Client('/', lambda: token)
    sio = socketio.AsyncClient(reconnection_delay=0.2, reconnection_delay_max=1)
    sio.register_namespace(namespace)
    await sio.connect(url, auth=namespace.auth)
    await sio.wait()


asyncio.run(main(*sys.argv[1:]))
