"""The obvious, slow engine: at every event look at everybody who waits and at every booth."""

from __future__ import annotations

import heapq


def brute_force(arrivals, services, hours, first=None, wins=None):
    """Give starts; `hours`: pairs (open, close) of each booth; `wins`: whether the first class goes first."""
    people = len(arrivals)
    first = [False] * people if first is None else list(first)
    wins = [True] * people if wins is None else list(wins)
    starts = [float("inf")] * people
    free = [0.0] * len(hours)
    events = sorted({*arrivals, *(opens for booth in hours for opens, _ in booth)})
    heapq.heapify(events)
    waiting, arrived, served = [], 0, 0
    while events:
        now = heapq.heappop(events)
        while arrived < people and arrivals[arrived] <= now:
            waiting.append(arrived)
            arrived += 1
        while waiting:
            idle = []
            for number, booth in enumerate(hours):
                for opens, closes in booth:
                    if opens <= now < closes and free[number] <= now:
                        idle.append((max(free[number], opens), number))
            if not idle:
                break
            number = min(idle)[1]
            ahead = [k for k in waiting if first[k]]
            others = [k for k in waiting if not first[k]]
            chosen = (ahead if wins[served] else others) if ahead and others else (ahead or others)
            person = chosen[0]
            waiting.remove(person)
            starts[person] = now
            free[number] = now + services[person]
            served += 1
            heapq.heappush(events, free[number])
    return starts


def simpy_twin(arrivals, services, hours):
    """Serve with SimPy: a process for each person and each booth's hours, one dispatcher."""
    import simpy

    env = simpy.Environment()
    starts = [float("inf")] * len(arrivals)
    waiting: list[int] = []
    since: dict[int, float] = {}  # idle open booths
    is_open = [False] * len(hours)
    busy = [False] * len(hours)

    def dispatch():
        while waiting and since:
            number = min(since, key=lambda k: (since[k], k))
            del since[number]
            person = waiting.pop(0)
            starts[person] = env.now
            busy[number] = True
            env.process(work(number, services[person]))

    def work(number, seconds):
        yield env.timeout(seconds)
        busy[number] = False
        if is_open[number]:
            since[number] = env.now
        dispatch()

    def keep(number, booth):
        for opens, closes in booth:
            yield env.timeout(opens - env.now)
            is_open[number] = True
            if not busy[number]:
                since[number] = env.now
            dispatch()
            yield env.timeout(closes - env.now)
            is_open[number] = False
            since.pop(number, None)

    def come():
        for person, at in enumerate(arrivals):
            yield env.timeout(at - env.now)
            waiting.append(person)
            dispatch()

    for number, booth in enumerate(hours):
        env.process(keep(number, booth))
    env.process(come())
    env.run()
    return starts


def random_case(draws, people, booths=6):
    """Give arrivals, services and booth hours; each booth opens one to three times."""
    arrivals = draws.exponential(1.0, people).cumsum()
    end = float(arrivals[-1])
    services = draws.exponential(booths * 0.6, people)
    hours = []
    for _ in range(booths):
        turns = sorted(draws.uniform(0, end * 1.2, 2 * int(draws.integers(1, 4))))
        hours.append(tuple(zip(turns[::2], turns[1::2], strict=True)))
    hours.append(((float(draws.uniform(0, end)), 1e9),))  # everybody is served in the end
    return arrivals.tolist(), services.tolist(), hours
