"""Orrery from Python: scenarios, runs, attention designs and routing; results as dictionaries and NumPy arrays.

    import orrery

    base = orrery.Scenario("deepseek-v3-pretraining")
    machine = orrery.Machine(base)
    for expert in (8, 16, 32, 64):
        result = orrery.run(base.set({"parallelism.expert": expert}), quick=True, fold=True, machine=machine)
        print(expert, result["step_time_s"])

Wherever a scenario is expected, its name, the path of a file and a dictionary do as well. Wrong input raises InputError, a
ValueError; what this machine lacks a RuntimeError. Ctrl-C stops what runs.
"""
import json
import os
import warnings

import numpy

from . import _orrery
from ._orrery import InputError

__all__ = ["InputError", "Machine", "Scenario", "attention", "clusters", "devices", "expert_loads", "expert_rows",
           "keys", "models", "routing", "run", "scenarios", "spans"]
__version__ = _orrery.version()
InputError.__module__ = __name__


def _plain(value):
    """NumPy's numbers and arrays as Python's, paths as texts: for json."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"a scenario cannot hold {value!r}; expected numbers, texts, flags, lists and dictionaries")


def _yaml(value):
    """Of a value: JSON is YAML."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)


def _settings(settings):
    return [f"{key}={_yaml(value)}" for key, value in (settings or {}).items()]


def _warn(native):
    for old, new in native.renamed:
        warnings.warn(f"'{old}' is called '{new}' now", FutureWarning, stacklevel=4)


class Scenario:
    """One question: a file's, one of scenarios(), or one made of a dictionary. Never changes once made.

    `settings` are keys of the scenario with their values, such as {"parallelism.expert": 32}: as --set of the command
    line, which error messages call them by. A section that is given whole takes the place of what stood there.
    """

    def __init__(self, file_or_name, settings=None):
        self._native = _orrery.Scenario.load(os.fspath(file_or_name), _settings(settings))
        _warn(self._native)

    @classmethod
    def _of(cls, native):
        made = cls.__new__(cls)
        made._native = native
        return made

    @classmethod
    def from_dict(cls, keys):
        """The scenario of a dictionary with the keys of a file. Paths in it count from the working directory."""
        return cls.from_yaml(_yaml(keys), "<dictionary>")

    @classmethod
    def from_yaml(cls, text, name="<text>"):
        """The scenario of a file's text; `name` stands for the file in messages."""
        native = _orrery.Scenario.from_text(text, name)
        _warn(native)
        return cls._of(native)

    def set(self, settings):
        """Another scenario, with other values under some keys."""
        return self._of(self._native.with_settings(_settings(settings)))

    def to_dict(self):
        """Its keys, those at their defaults left out: what from_dict makes an equal scenario of."""
        return self._native.to_dict()

    def yaml(self):
        """The same as the text of a file."""
        return self._native.yaml()

    @property
    def name(self):
        return self._native.name

    @property
    def kind(self):
        """"pretraining" or "attention"."""
        return self._native.kind

    @property
    def hash(self):
        """Of what is asked, not of its name: results carry it. None for kinds whose results carry none."""
        return self._native.hash

    def __repr__(self):
        return f"<orrery.Scenario {self.kind} {self.name!r}>"

    def __eq__(self, other):
        return isinstance(other, Scenario) and self.yaml() == other.yaml()

    def __hash__(self):
        return hash(self.yaml())

    def __reduce__(self):
        return (type(self).from_yaml, (self.yaml(),))


def _scenario(scenario):
    if isinstance(scenario, Scenario):
        return scenario
    return Scenario.from_dict(scenario) if isinstance(scenario, dict) else Scenario(scenario)


class Machine:
    """A cluster with its kernel tables, loaded once. Runs that are given it as `machine=` load nothing again and share
    what they derive from it, such as prices: for sweeps over what is no part of it (parallelism, workload, routing)."""

    def __init__(self, scenario):
        self._native = _orrery.Machine(_scenario(scenario)._native)

    def fits(self, scenario):
        """Whether the scenario has the same cluster, calibration and exchange kernels: others are refused."""
        return self._native.fits(_scenario(scenario)._native)


def _machine(machine):
    return None if machine is None else machine._native


def run(scenario, quick=False, fold=False, progress=None, machine=None):
    """The result of a scenario, as `orrery run --json` writes it (docs/schemas).

    quick: the step alone, without what-ifs, critical path and interval. fold: equal ranks as one, fast and blind to
    imbalance. progress: called with the share done, 0 to 1, and what is being done.
    """
    scenario = _scenario(scenario)
    if scenario.kind == "attention":
        if quick or fold or machine is not None:
            raise InputError("quick, fold and machine are for training scenarios; this one is of kind attention")
        return attention(scenario, progress=progress)
    return json.loads(_orrery.run(scenario._native, quick, fold, progress, _machine(machine)))


def attention(scenario=None, settings=None, progress=None):
    """Attention designs compared, as `orrery attention --json` writes it. Without a scenario, the usual comparison:
    DeepSeek-V3's designs on an H800. settings: {"workload.contexts": [4096], "device": "h100-sxm"}."""
    if scenario is None:
        scenario = Scenario.from_yaml(_orrery.usual_attention(), "attention")
    scenario = _scenario(scenario)
    if settings:
        scenario = scenario.set(settings)
    return json.loads(_orrery.attention(scenario._native, progress))


def _routed(scenario, model, strategy, loads, settings):
    native = None if scenario is None else _scenario(scenario)._native
    loads = "" if loads is None else os.fspath(loads)
    model = None if model is None else os.fspath(model)
    return _orrery.Routed(native, model, strategy or "", loads, _settings(settings))


def routing(scenario=None, *, model=None, strategy=None, loads=None, settings=None, layers=None, steps=4000, ranks=None,
            step_time=True, progress=None):
    """How evenly experts are loaded, as `orrery routing --json` writes it.

    scenario, or model: a preset or the path of a config.json (DeepSeek-V3's without either). strategy: instead of the
    scenario's. loads: a file of recorded loads instead. layers: how many are reported. steps: of the training run that
    shows how balance settles, 0 for none. ranks: expert-parallel sizes. step_time: with a scenario, its step is simulated.
    """
    ranks = [] if ranks is None else [int(rank) for rank in ranks]
    return json.loads(_orrery.routing(_routed(scenario, model, strategy, loads, settings), layers, steps, ranks,
                                      step_time, progress))


def expert_loads(scenario=None, *, model=None, strategy=None, loads=None, settings=None, layers=None, progress=None):
    """How often the router selects each expert, over the mean of the layer's: an array, layers x domains of text x experts.
    Arguments as of routing()."""
    return _orrery.expert_loads(_routed(scenario, model, strategy, loads, settings), layers, progress)


def expert_rows(scenario, layers=(0,), micro_batches=(0,), group=0, progress=None, machine=None):
    """(token, expert) rows of a training step in one exchange group: a dictionary of arrays, layers x micro-batches x
    experts (slot_rows) or ranks (rank_rows), and of the expert that stands in each slot (expert_of). "placed" holds the
    same with experts as the scenario places them, or None where it leaves them in order."""
    return _orrery.expert_rows(_scenario(scenario)._native, [int(i) for i in layers], [int(i) for i in micro_batches],
                               group, progress, _machine(machine))


def spans(scenario, fold=False, ranks=None, places=(0,), progress=None, machine=None):
    """What ran when in a training step: a structured array, one entry a span.

    Its fields: rank (pipeline rank), place (GPU in the first exchange group), stream, task, ready_s, start_s, end_s (a
    span is ready when all but its exchange group is there), key and name of what ran, instance (the micro-batch of a
    message, the layer and micro-batch of other work). ranks: of which pipeline ranks; all by default.
    """
    ranks = None if ranks is None else [int(rank) for rank in ranks]
    found = _orrery.spans(_scenario(scenario)._native, fold, ranks, [int(place) for place in places], progress,
                          _machine(machine))
    names = numpy.array(_orrery.span_names())
    named = numpy.empty(found.shape, dtype=found.dtype.descr + [("name", names.dtype)])
    for field in found.dtype.names:
        named[field] = found[field]
    named["name"] = names[found["key"]]
    return named


def keys(prefix=""):
    """Every key of a scenario that begins with `prefix`, as dictionaries: kind, key, type, unit, limits, default, help."""
    return _orrery.keys(prefix)


def models():
    """Names of model presets."""
    return _orrery.models()


def devices():
    """Names of device presets."""
    return _orrery.devices()


def clusters():
    """Names of cluster presets."""
    return _orrery.clusters()


def scenarios():
    """Names of the scenarios that come with Orrery."""
    return _orrery.scenarios()
