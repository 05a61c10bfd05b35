"""A drawing of the rule graph: layers from top to bottom, each arrow pointing down, rounds of learning going back up.

The method is that of Sugiyama, Tagawa and Toda (IEEE Trans. Syst. Man Cybern. 11, 109, 1981) in its simplest form:
set aside the arrows that go back, put every rule below all that it needs, order each layer by the mean
place of its neighbours, and lead long arrows through invisible points.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

NODE_WIDTH = 158
NODE_HEIGHT = 40
GAP = 14
LAYER_HEIGHT = 62
MARGIN = 8
POINT_WIDTH = 16
# Room at either side for the arrows that go back up, and the radius of their corners.
BACK_ROOM = 24
CORNER = 10
SWEEPS = 8

Edge = tuple[str, str]


@dataclass(frozen=True)
class Box:
    """Where a rule is drawn: its upper left corner, in pixels."""

    name: str
    x: float
    y: float

    @property
    def middle(self) -> float:
        """Horizontal middle."""
        return self.x + NODE_WIDTH / 2


@dataclass(frozen=True)
class Drawing:
    """Boxes, and SVG paths of the arrows down and of those that begin another round."""

    width: float
    height: float
    boxes: list[Box]
    arrows: list[str]
    returns: list[str]


def draw(names: Sequence[str], edges: Iterable[Edge]) -> Drawing:
    """Lay out a graph, which may have cycles.

    Args:
        names: of the nodes, in the order of the flow: an arrow to an earlier one begins another round.
        edges: from, to; repeated ones and loops of one node are left out.
    """
    order = {name: rank for rank, name in enumerate(names)}
    edges = sorted({edge for edge in edges if edge[0] != edge[1]}, key=lambda edge: (order[edge[0]], order[edge[1]]))
    forward = reduced([edge for edge in edges if order[edge[0]] < order[edge[1]]])
    backward = reduced_returns([edge for edge in edges if order[edge[0]] > order[edge[1]]], forward)
    layers, links = _with_points(layer_of(names, forward), forward)
    _order_layers(layers, links)
    positions = _positions(layers, links)
    boxes = {name: Box(name, positions[name] - NODE_WIDTH / 2, _top(level)) for name, level in _levels(layers, names)}
    right = max((box.x + NODE_WIDTH for box in boxes.values()), default=0)
    return Drawing(
        width=right + MARGIN + BACK_ROOM,
        height=len(layers) * LAYER_HEIGHT - (LAYER_HEIGHT - NODE_HEIGHT) + 2 * MARGIN,
        boxes=list(boxes.values()),
        arrows=[_arrow(chain, positions, layers) for chain in _chains(forward, links)],
        returns=_returns(backward, boxes, right),
    )


def reduced(edges: Sequence[Edge]) -> list[Edge]:
    """Edges of an acyclic graph without those that follow from others."""
    beyond = _reachable(edges)
    return [
        (start, end)
        for start, end in edges
        if not any(end in beyond[other] for here, other in edges if here == start and other != end)
    ]


def reduced_returns(returns: Sequence[Edge], forward: Sequence[Edge]) -> list[Edge]:
    """Arrows that begin another round, without those that follow from another of them and arrows forward."""
    beyond = _reachable([*forward, *((name, name) for edge in returns for name in edge)])
    return [
        (start, end)
        for start, end in returns
        if not any(
            (other_start in beyond[start] and end in beyond[other_end])
            for other_start, other_end in returns
            if (other_start, other_end) != (start, end)
        )
    ]


def _reachable(edges: Iterable[Edge]) -> dict[str, set[str]]:
    """For every name those that its arrows lead to, over any number of steps."""
    following: dict[str, set[str]] = {}
    for start, end in edges:
        following.setdefault(start, set()).add(end)
        following.setdefault(end, set())

    def walk(name: str) -> set[str]:
        found: set[str] = set()
        stack = list(following[name])
        while stack:
            each = stack.pop()
            if each not in found:
                found.add(each)
                stack += following[each]
        return found

    return {name: walk(name) for name in following}


def layer_of(names: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Layer of every node: one below the lowest that it needs; a node that only others need stands just above them."""
    needs = {name: [start for start, end in edges if end == name] for name in names}
    layers: dict[str, int] = {}

    def place(name: str) -> int:
        if name not in layers:
            layers[name] = 1 + max((place(start) for start in needs[name]), default=-1)
        return layers[name]

    for name in names:
        place(name)
    for name in names:
        users = [layers[end] for start, end in edges if start == name]
        if users and not needs[name]:
            layers[name] = min(users) - 1
    return layers


def _with_points(layer: dict[str, int], edges: Sequence[Edge]) -> tuple[list[list[str]], list[Edge]]:
    """Names per layer with a point wherever an edge crosses one, and the edges from layer to layer."""
    layers: list[list[str]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for name, level in layer.items():
        layers[level].append(name)
    links = []
    for start, end in edges:
        chain = [start, *(_point(start, end, level) for level in range(layer[start] + 1, layer[end])), end]
        for level, point in enumerate(chain[1:-1], start=layer[start] + 1):
            layers[level].append(point)
        links += list(zip(chain, chain[1:], strict=False))
    return layers, links


def _point(start: str, end: str, level: int) -> str:
    return f"{start}>{end}>{level}"


def _is_point(name: str) -> bool:
    return ">" in name


def _neighbours(links: Sequence[Edge], *, downwards: bool) -> dict[str, list[str]]:
    """For every name those of the layer above it, or below it when going upwards."""
    found: dict[str, list[str]] = {}
    for start, end in links:
        here, there = (end, start) if downwards else (start, end)
        found.setdefault(here, []).append(there)
    return found


def _order_layers(layers: list[list[str]], links: Sequence[Edge]) -> None:
    """Sort every layer by the mean rank of its neighbours, alternately from above and from below."""
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        neighbours = _neighbours(links, downwards=downwards)
        rank = {name: place / len(layer) for layer in layers for place, name in enumerate(layer, start=1)}
        for layer in layers if downwards else reversed(layers):
            layer.sort(key=lambda name: _mean([rank[each] for each in neighbours.get(name, [name])]))
            rank |= {name: place / len(layer) for place, name in enumerate(layer, start=1)}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _width(name: str) -> float:
    return POINT_WIDTH if _is_point(name) else NODE_WIDTH


def _positions(layers: list[list[str]], links: Sequence[Edge]) -> dict[str, float]:
    """Horizontal middles: every name as near below (then above) its neighbours as the order of its layer allows."""
    middles: dict[str, float] = {}
    for layer in layers:
        middles |= _spread(layer, dict.fromkeys(layer, 0.0))
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        neighbours = _neighbours(links, downwards=downwards)
        for layer in layers if downwards else reversed(layers):
            wanted = {name: _mean([middles[each] for each in neighbours.get(name, [name])]) for name in layer}
            middles |= _spread(layer, wanted)
    left = min((middles[name] - _width(name) / 2 for name in middles), default=0)
    return {name: middle - left + MARGIN + BACK_ROOM for name, middle in middles.items()}


def _spread(layer: list[str], wanted: dict[str, float]) -> dict[str, float]:
    """Keep neighbours apart, pushing right; then move the layer back by the mean push."""
    placed: dict[str, float] = {}
    edge = float("-inf")
    for name in layer:
        placed[name] = max(wanted[name], edge + GAP + _width(name) / 2)
        edge = placed[name] + _width(name) / 2
    push = _mean([placed[name] - wanted[name] for name in layer]) if layer else 0
    return {name: middle - push for name, middle in placed.items()}


def _levels(layers: list[list[str]], names: Sequence[str]) -> list[tuple[str, int]]:
    """Nodes with their layer, in the order of the names."""
    level = {name: index for index, layer in enumerate(layers) for name in layer}
    return [(name, level[name]) for name in names]


def _top(level: int) -> float:
    return MARGIN + level * LAYER_HEIGHT


def _chains(edges: Sequence[Edge], links: Sequence[Edge]) -> list[list[str]]:
    """For every edge the names that it passes, in order."""
    linked = set(links)
    chains = []
    for start, end in edges:
        points = sorted((each for _, each in linked if each.startswith(f"{start}>{end}>")), key=_level_of_point)
        chains.append([start, *points, end])
    return chains


def _level_of_point(name: str) -> int:
    return int(name.rsplit(">", 1)[1])


def _arrow(chain: list[str], middles: dict[str, float], layers: list[list[str]]) -> str:
    """A smooth line from the bottom of the first box through the points to the top of the last."""
    level = next(index for index, layer in enumerate(layers) if chain[0] in layer)
    path = f"M{middles[chain[0]]:.0f} {_top(level) + NODE_HEIGHT:.0f}"
    for step, (name, following) in enumerate(zip(chain, chain[1:], strict=False), start=level):
        start, end = _top(step) + NODE_HEIGHT, _top(step + 1)
        bend = (start + end) / 2
        path += (
            f"C{middles[name]:.0f} {bend:.0f} {middles[following]:.0f} {bend:.0f} {middles[following]:.0f} {end:.0f}"
        )
        if _is_point(following):
            path += f"V{end + NODE_HEIGHT:.0f}"
    return path


def _returns(backward: Iterable[Edge], boxes: Mapping[str, Box], right: float) -> list[str]:
    """Lines back up, each at the side where fewer boxes are in its way, the short ones inside."""
    edges = sorted(backward, key=lambda edge: boxes[edge[0]].y - boxes[edge[1]].y)
    sides = {edge: _freer_side(boxes[edge[0]], boxes[edge[1]], boxes.values()) for edge in edges}
    paths = []
    for side, border in (("left", MARGIN + BACK_ROOM), ("right", right)):
        at_side = [edge for edge in edges if sides[edge] == side]
        for place, (start, end) in enumerate(at_side, start=1):
            outwards = BACK_ROOM * place / len(at_side) * (1 if side == "right" else -1)
            paths.append(_return_arrow(boxes[start], boxes[end], border + outwards))
    return paths


def _freer_side(start: Box, end: Box, boxes: Iterable[Box]) -> str:
    beside = [(box.x, line.x) for line in (start, end) for box in boxes if box.y == line.y]
    return "left" if sum(x < own for x, own in beside) < sum(x > own for x, own in beside) else "right"


def _return_arrow(start: Box, end: Box, line: float) -> str:
    """From the side of a box, up along a line beside all boxes, to the same side of a box above it."""
    top, bottom = end.y + NODE_HEIGHT / 2, start.y + NODE_HEIGHT / 2
    at_right = line > start.x
    corner = line - CORNER if at_right else line + CORNER
    edge = NODE_WIDTH if at_right else 0
    return (
        f"M{start.x + edge:.0f} {bottom:.0f}H{corner:.0f}Q{line:.0f} {bottom:.0f} {line:.0f} {bottom - CORNER:.0f}"
        f"V{top + CORNER:.0f}Q{line:.0f} {top:.0f} {corner:.0f} {top:.0f}H{end.x + edge:.0f}"
    )
