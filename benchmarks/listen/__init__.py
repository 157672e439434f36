"""Does the server listen like a good listener? `make listen`; `docs/listening.md` has the table.

The generator (`voices`, `phrases`, `mouth`, `noises`, `rooms`, `sound`) makes what a microphone
hears, the same on every machine that has the same voices. `caller` talks to a server with it,
`floor`, `echo`, `wordless`, `ends`, `levels` and `conversations` are the scenarios, `table` the
bars.

Everything is either for tuning or held out, by voice and by seed (`voices.Split`). Whoever looks
for a parameter uses the tuning half alone; the table is made of the half held out.
"""
