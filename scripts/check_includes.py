#!/usr/bin/env python3
"""Fails when a file includes against the layer arrows of docs/architecture.md."""
import pathlib
import re
import sys

ALLOWED = {
    "core": {"core"},
    "models": {"core", "models"},
    "hw": {"core", "hw"},
    "scenarios": {"core", "models", "hw", "scenarios"},
    "profiler": {"core", "hw", "profiler"},
    "cli": {"core", "models", "hw", "scenarios", "profiler", "cli"},
    "gui": {"core", "models", "hw", "scenarios", "gui"},
    "python": {"core", "models", "hw", "scenarios", "python"},
}
# Arrows between the folders of a layer, as they are: a folder may include itself and those named here. A new folder needs a
# row, which is a decision about what stands on what.
INSIDE = {
    "core/base": set(),
    "core/config": {"core/base"},
    "core/op": {"core/base"},
    "core/engine": {"core/base"},
    "hw": set(),
    "hw/cost": {"hw"},
    "hw/network": {"hw"},
    "hw/comm": {"hw", "hw/cost", "hw/network"},
    "models/spec": set(),
    "models/layers": {"models/spec"},
    "models/schedule": set(),
    "models/parallel": {"models/spec", "models/layers", "models/schedule"},
    "models/memory": {"models/spec", "models/layers", "models/schedule", "models/parallel"},
    "models/serving": {"models/spec", "models/layers"},
    "models/routing": {"models/spec"},
    "models/routing/gate": {"models/routing"},
    "models/routing/text": {"models/routing", "models/routing/gate"},
    "models/routing/sampling": {"models/routing", "models/routing/gate", "models/routing/text"},
    "models/routing/balance": {"models/routing", "models/routing/gate", "models/routing/text", "models/routing/sampling"},
    "models/routing/dynamics": {"models/routing", "models/routing/gate", "models/routing/text", "models/routing/balance"},
    "models/routing/sources": {"models/spec", "models/routing", "models/routing/gate", "models/routing/text",
                               "models/routing/sampling", "models/routing/balance"},
    "profiler/cupti": set(),
    "profiler/measurement": set(),
    "profiler/suite": {"profiler/measurement"},
    "profiler/gate": {"profiler/measurement"},
    "profiler/trace": {"profiler/cupti", "profiler/measurement", "profiler/suite"},
    "profiler": {"profiler/measurement"},  # how the device half is found and started
    "profiler/device": {"profiler/cupti", "profiler/measurement", "profiler/suite", "profiler/trace"},
    "scenarios/schema": set(),
    "scenarios/step": {"scenarios/schema"},
    "scenarios/training": {"scenarios/schema", "scenarios/step"},
    "scenarios/serving": {"scenarios/schema", "scenarios/step"},
    "scenarios/studies": {"scenarios/schema", "scenarios/step", "scenarios/training"},
    "scenarios": {"scenarios/schema", "scenarios/step", "scenarios/training", "scenarios/studies"},
    "scenarios/report": {"scenarios", "scenarios/schema", "scenarios/step", "scenarios/training", "scenarios/serving",
                         "scenarios/studies"},
    "scenarios/validation": {"scenarios", "scenarios/schema", "scenarios/step", "scenarios/training", "scenarios/studies",
                             "scenarios/report"},
    "scenarios/validation/cases": {"scenarios", "scenarios/schema", "scenarios/step", "scenarios/training", "scenarios/serving",
                                   "scenarios/studies", "scenarios/report", "scenarios/validation"},
    "gui/geometry": set(),
    "gui/session": set(),
    "gui/itemmodels": {"gui/session"},
    "gui/paint": {"gui/geometry"},
    "gui/charts": {"gui/geometry", "gui/paint"},
    "gui/pages": {"gui/geometry", "gui/session", "gui/itemmodels", "gui/paint", "gui/charts", "gui/export"},
    "gui/window": {"gui/geometry", "gui/session", "gui/itemmodels", "gui/paint", "gui/charts", "gui/export", "gui/pages"},
    "gui/export": {"gui/geometry", "gui/paint"},  # pictures of any paint function
    "gui": {"gui/session", "gui/pages", "gui/window", "gui/export"},
}
# Folders that few may include, whatever the arrows above allow.
RESERVED = {  # how a router settles while it trains is a study of its own: no price and no load source stands on it
    "models/routing/dynamics": {"models/routing/dynamics", "scenarios/studies", "scenarios/validation/cases"},
}
# Against those arrows today; nothing is to be added.
UPWARD = set()
FACES = r"Q[A-Z]\w+|Qt[A-Z]\w+/|CLI/|pybind11/"  # what only cli, gui and python may see
# Of Qt, what is in QtCore: a name that is missing here and belongs there is to be added.
QT_CORE = (r"Abstract(Item|List|Table|Proxy)Model|ByteArray|Char|CoreApplication|Date|DateTime|Deadline\w*|Dir|ElapsedTimer|Event\w*|"
           r"File\w*|Hash|Iterator|Json\w+|List|Locale|LockFile|Map|Meta\w+|ModelIndex|Object|Persistent\w+|Pointer|Process|"
           r"RegularExpression\w*|SaveFile|Set|Settings|SharedPointer|Signal\w+|SortFilterProxyModel|StandardPaths|String\w*|"
           r"SysInfo|Temporary\w+|TextStream|Thread|Timer|TimeZone|Url|Uuid|Variant\w*|Vector")
BEYOND_QT_CORE = rf"Qt(?!Core/|Global$)[A-Z]\w+/?|Q(?!t|({QT_CORE})$)[A-Z]\w+"
QT_CHARTS = r"QtCharts|Q(Chart\w*|Legend\w*|\w+(Series|Set|Slice|Axis|LegendMarker))$"
QT_WIDGETS = (r"QtWidgets|QApplication|QStyle\w*|QWidget\w*|Q\w*(Dialog|Button|Box|Label|View|Widget|Edit|Window|Layout|Menu|"
              r"MenuBar|Slider|Splitter|StatusBar|ToolTip|ToolBar|ScrollArea|ScrollBar|Frame|Delegate)$")
GUI = r"CLI/|pybind11/"  # what gui may not see
CUDA = r"cuda|cupti|cublas|cudnn|nvtx|nvml"
FORBIDDEN_HEADERS = {  # third-party headers a layer must not see
    "core": f"{FACES}|{CUDA}|boost/graph",
    "models": f"{FACES}|{CUDA}",
    "hw": f"{FACES}|{CUDA}",
    "scenarios": f"{FACES}|{CUDA}",
    "profiler": f"{FACES}|{CUDA}",
    "profiler/device": FACES,
    "cli": f"Q[A-Z]|{CUDA}",
    "gui": f"pybind11/|{QT_CHARTS}|{CUDA}",  # main.cc reads the command line
    "gui/pages": f"{GUI}|{QT_CHARTS}|{CUDA}",
    "gui/window": f"{GUI}|{QT_CHARTS}|{CUDA}",
    "gui/geometry": f"{FACES}|{CUDA}",
    "gui/session": f"{GUI}|{BEYOND_QT_CORE}|{CUDA}",
    "gui/itemmodels": f"{GUI}|{BEYOND_QT_CORE}|{CUDA}",
    "gui/paint": f"{GUI}|{QT_WIDGETS}|{QT_CHARTS}|{CUDA}",
    "gui/export": f"{GUI}|{QT_CHARTS}|{CUDA}",
    "gui/charts": f"{GUI}|{CUDA}",
    "python": f"Q[A-Z]|CLI/|{CUDA}",
}


def folder(path: str) -> str:
    """The folder of a file; the device half of the profiler is one, which CUDA compiles as a whole."""
    return re.sub(r"^profiler/device(/.*)?$", "profiler/device", path.rpartition("/")[0])


def inside(source: str, included: str) -> str:
    """What is wrong with an arrow between two folders of a layer; "" if nothing is."""
    here, there = folder(source), folder(included)
    if here not in RESERVED.get(there, {here}):
        return f'"{included}" is not for folder {here}'
    if here == there or source.split("/")[0] not in INSIDE or source.split("/")[0] != included.split("/")[0]:
        return ""
    if here not in INSIDE:
        return f"folder {here} has no row in INSIDE of scripts/check_includes.py"
    return "" if there in INSIDE[here] or (source, there) in UPWARD else f'"{included}" is not for folder {here}'


def main(root: pathlib.Path) -> int:
    bad = []
    for layer, allowed in ALLOWED.items():
        for path in sorted((root / layer).rglob("*")):
            if path.suffix not in {".h", ".cc", ".cu", ".cuh"}:
                continue
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
                if not match:
                    continue
                quote, name = match.groups()
                where = f"{path.relative_to(root)}:{number}"
                if quote == '"' and name.split("/")[0] not in allowed:
                    bad.append(f'{where}: "{name}" is not for layer {layer}')
                if quote == '"':
                    wrong = inside(str(path.relative_to(root)), name)
                    bad += [f"{where}: {wrong}"] if wrong else []
                forbidden = FORBIDDEN_HEADERS.get(folder(str(path.relative_to(root))), FORBIDDEN_HEADERS.get(layer))
                if forbidden and re.match(forbidden, name):  # in quotes too
                    bad.append(f"{where}: <{name}> is not for layer {layer}")
    print("\n".join(bad) if bad else "includes follow the layers")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
