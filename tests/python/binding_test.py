"""The Python module as it stands in the build folder: PYTHONPATH names the folder that holds orrery/."""
import concurrent.futures
import pathlib
import pickle
import signal
import tempfile
import threading
import unittest

import numpy

import orrery

V3 = "deepseek-v3-pretraining"


def quick(scenario, **options):
    """A folded step: milliseconds. Without what differs between equal runs."""
    result = orrery.run(scenario, quick=True, fold=True, **options)
    del result["simulator"]
    return result


class Scenarios(unittest.TestCase):
    def test_carry_settings_with_the_place_of_presets(self):
        scenario = orrery.Scenario(V3, {"parallelism.expert": 32, "cluster.nodes": 128, "parallelism.data": 64})
        self.assertEqual(scenario.to_dict()["parallelism"]["expert"], 32)
        self.assertEqual(scenario.kind, "pretraining")
        self.assertIn("parallelism.expert", scenario.name)
        self.assertEqual(quick(scenario)["gpus"], 1024)

    def test_are_written_and_read_back_to_the_same_hash(self):
        for name in orrery.scenarios():
            with self.subTest(name):
                scenario = orrery.Scenario(name)
                for again in (orrery.Scenario.from_dict(scenario.to_dict()), orrery.Scenario.from_yaml(scenario.yaml())):
                    self.assertEqual(again.hash, scenario.hash)
                    self.assertEqual(again.yaml(), scenario.yaml())
                    self.assertEqual(again, scenario)

    def test_set_makes_another_and_leaves_the_first(self):
        first = orrery.Scenario(V3)
        before = first.yaml()
        second = first.set({"parallelism.expert": numpy.int64(16)}).set({"seed": 7})
        self.assertEqual(first.yaml(), before)
        self.assertEqual((second.to_dict()["parallelism"]["expert"], second.to_dict()["seed"]), (16, 7))
        self.assertNotEqual(second.hash, first.hash)

    def test_names_that_look_like_numbers_stay_as_they_are(self):
        for name in ("2024", "1.10", "007", "1e3", "true", "a: b # c", "ü"):
            with self.subTest(name):
                keys = dict(orrery.Scenario(V3).to_dict(), name=name)
                scenario = orrery.Scenario.from_dict(keys)
                self.assertEqual(scenario.name, name)
                self.assertEqual(orrery.Scenario.from_dict(scenario.to_dict()).name, name)

    def test_old_keys_are_read_with_a_warning_that_names_the_new(self):
        keys = orrery.Scenario(V3, {"exchange.kernels": "2025-02"}).to_dict()
        keys["communication"] = {"kernels": "2025-02"}
        keys.pop("exchange", None)
        with self.assertWarnsRegex(FutureWarning, "'communication' is called 'exchange' now"):
            orrery.Scenario.from_dict(keys)

    def test_can_be_pickled(self):
        scenario = orrery.Scenario(V3, {"parallelism.expert": 32})
        self.assertEqual(pickle.loads(pickle.dumps(scenario)), scenario)


class WrongInput(unittest.TestCase):
    def refused(self, *words):
        context = self.assertRaises(ValueError)
        self.addCleanup(lambda: [self.assertIn(word, str(context.exception)) for word in words])
        return context

    def test_is_an_input_error_that_names_key_and_expectation(self):
        with self.assertRaises(orrery.InputError) as caught:
            orrery.Scenario(V3, {"parallelism.expert": 0})
        self.assertIsInstance(caught.exception, ValueError)
        self.assertIn("parallelism.expert", str(caught.exception))
        self.assertEqual(type(caught.exception).__module__, "orrery")

    def test_of_every_kind_is_refused(self):
        with self.refused("did you mean", V3):
            orrery.Scenario("deepseek-v3-pretrainin")
        with self.refused("parallelism.exprt"):
            orrery.Scenario(V3).set({"parallelism.exprt": 3})
        with self.refused("<dictionary>"):
            orrery.Scenario.from_dict({"name": "x"})
        with self.refused("JSON"):
            orrery.Scenario(V3, {"routing.alpha": float("nan")})
        with self.refused("ranks: 99"):
            orrery.spans(V3, fold=True, ranks=[99])
        with self.refused("layers 1000"):
            orrery.routing(model="deepseek-v3", layers=1000, steps=0)
        with self.refused("attention"):
            orrery.run("attention-designs", fold=True)
        with self.refused("pretraining"):
            orrery.Machine("attention-designs")
        with self.refused("no key"):
            orrery.keys("nothing")
        with self.assertRaises(TypeError):
            orrery.Scenario.from_dict({"name": object()})

    def test_a_machine_of_another_cluster_is_refused(self):
        base = orrery.Scenario(V3)
        machine = orrery.Machine(base)
        other = base.set({"cluster.nodes": 128, "parallelism.data": 64})
        self.assertTrue(machine.fits(base.set({"parallelism.expert": 32})))
        self.assertFalse(machine.fits(other))
        with self.refused("machine", "256 x 8", "128 x 8"):
            quick(other, machine=machine)


class Runs(unittest.TestCase):
    def test_a_dictionary_a_name_and_a_file_are_one_question(self):
        scenario = orrery.Scenario(V3)
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "mine.yaml"
            file.write_text(scenario.yaml(), encoding="utf-8")
            results = [quick(s) for s in (scenario, V3, scenario.to_dict(), file)]
        for result in results:
            del result["scenario_file"]
        self.assertEqual(results[1:], results[:1] * 3)
        self.assertEqual(results[0]["scenario_hash"], scenario.hash)

    def test_a_shared_machine_changes_no_figure(self):
        base = orrery.Scenario(V3)
        machine = orrery.Machine(base)
        for expert in (16, 32, 64):
            scenario = base.set({"parallelism.expert": expert})
            self.assertEqual(quick(scenario, machine=machine), quick(scenario))

    def test_side_by_side_on_one_machine_give_what_they_give_alone(self):
        base = orrery.Scenario(V3)
        machine = orrery.Machine(base)
        points = [base.set({"parallelism.expert": expert}) for expert in (8, 16, 32, 64) * 2]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda point: quick(point, machine=machine), points))
        self.assertEqual(together, [quick(point) for point in points])

    def test_an_attention_scenario_gives_its_comparison(self):
        short = {"workload.contexts": [4096], "workload.batches": [1]}
        scenario = orrery.Scenario("attention-designs", short)
        self.assertEqual(orrery.run(scenario), orrery.attention(scenario))
        usual = orrery.attention(settings=short)
        self.assertEqual(usual["models"][0]["designs"][0]["cache_bytes_per_token"], 70272)

    def test_progress_rises_to_the_end(self):
        told = []
        orrery.run(V3, quick=True, fold=True, progress=lambda share, what: told.append((share, what)))
        self.assertEqual(told, sorted(told, key=lambda t: t[0]))
        self.assertEqual(told[-1][0], 1.0)

    def test_an_error_of_the_callback_ends_the_run(self):
        def fail(share, what):
            raise RuntimeError("enough")
        with self.assertRaisesRegex(RuntimeError, "enough"):
            orrery.run(V3, progress=fail)

    def test_a_signal_ends_the_run(self):
        # A run with its studies takes seconds; the signal comes while the calling thread only waits.
        timer = threading.Timer(0.2, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
        timer.start()
        with self.assertRaises(KeyboardInterrupt):
            orrery.run(V3)
        timer.join()
        quick(V3)  # and what comes after is as before


class Arrays(unittest.TestCase):
    def test_expert_loads_are_relative_to_the_mean(self):
        loads = orrery.expert_loads(model="deepseek-v3", layers=2)
        self.assertEqual(loads.shape, (2, 16, 256))
        self.assertEqual(loads.dtype, numpy.float64)
        numpy.testing.assert_allclose(loads.mean(axis=2), 1, atol=1e-6)
        report = orrery.routing(model="deepseek-v3", layers=2, steps=0)
        numpy.testing.assert_allclose(loads[1, 0], report["heat_map"][16]["relative_load"])

    def test_routing_takes_a_scenario_and_another_strategy(self):
        report = orrery.routing(V3, strategy="auxiliary-loss", layers=1, steps=0, ranks=[64], step_time=False)
        self.assertIn("auxiliary-loss", str(report["strategy"]))
        self.assertEqual([r["ranks"] for r in report["ranks"]], [64])

    def test_expert_rows_are_those_of_every_token(self):
        rows = orrery.expert_rows(orrery.Scenario(V3), layers=[0, 5], micro_batches=[0, 1, 2])
        self.assertEqual(rows["slot_rows"].shape, (2, 3, 256))
        self.assertEqual(rows["rank_rows"].shape, (2, 3, 64))
        self.assertTrue((rows["slot_rows"].sum(axis=2) == 64 * 4096 * 8).all())
        numpy.testing.assert_array_equal(rows["slot_rows"].reshape(2, 3, 64, 4).sum(axis=3), rows["rank_rows"])
        self.assertIsNone(rows["placed"])

    def test_spans_of_a_stream_follow_one_another(self):
        spans = orrery.spans(V3, fold=True, ranks=[0, 3])
        self.assertEqual(set(spans["rank"]), {0, 3})
        compute = spans[(spans["rank"] == 3) & (spans["stream"] == 0)]
        self.assertGreater(len(compute), 1000)
        self.assertTrue((compute["start_s"][1:] >= compute["end_s"][:-1]).all())
        self.assertTrue((spans["ready_s"] <= spans["start_s"]).all())
        self.assertIn("MoE layer dispatch(F)", set(spans["name"]))
        step = quick(V3)["step_time_s"]
        self.assertLess(spans["end_s"].max(), step)
        self.assertGreater(spans["end_s"].max(), 0.8 * step)


class Lists(unittest.TestCase):
    def test_name_what_is_at_hand(self):
        self.assertIn("deepseek-v3", orrery.models())
        self.assertIn("h800-sxm", orrery.devices())
        self.assertIn("h800-2048", orrery.clusters())
        self.assertIn(V3, orrery.scenarios())

    def test_keys_say_what_they_take(self):
        expert = [k for k in orrery.keys("parallelism.expert") if k["kind"] == "pretraining"]
        self.assertEqual([k["key"] for k in expert][0], "parallelism.expert")
        self.assertEqual(expert[0]["least"], 1)
        self.assertGreater(len(orrery.keys()), 100)


if __name__ == "__main__":
    unittest.main()
