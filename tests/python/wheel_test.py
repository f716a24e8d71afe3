"""A wheel of the build, installed into a folder of its own: it answers from the data in it, and runs docs/python.md.

Arguments: the source tree, the build folder.
"""
import base64
import csv
import hashlib
import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import zipfile

SOURCE, BUILD = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])


def examples(page: pathlib.Path) -> str:
    """The Python of a page, in order."""
    return "\n".join(re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S))


class Wheel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="orrery wheel ")
        where = pathlib.Path(cls.folder.name)
        made = subprocess.run([sys.executable, str(SOURCE / "python/build_wheel"), str(BUILD), str(where)],
                              capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
        cls.wheel = pathlib.Path(made.stdout.strip())
        cls.site = where / "site"
        if importlib.util.find_spec("pip"):
            subprocess.run([sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "install", "--quiet",
                            "--no-index", "--no-deps", "--no-compile", "--target", str(cls.site), str(cls.wheel)],
                           check=True, env=dict(os.environ, PIP_ROOT_USER_ACTION="ignore"))
        else:
            with zipfile.ZipFile(cls.wheel) as wheel:
                wheel.extractall(cls.site)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def python(self, code):
        environment = {k: v for k, v in os.environ.items() if k not in ("ORRERY_HOME", "PYTHONPATH")}
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False,
                             cwd=self.folder.name, env=dict(environment, PYTHONPATH=str(self.site)))
        self.assertEqual(ran.returncode, 0, f"{code}\n{ran.stdout}{ran.stderr}")
        return ran.stdout

    def test_reads_the_data_that_came_with_it(self):
        share = self.site / "orrery/share/orrery"
        self.assertEqual(self.python("import orrery; print(orrery._orrery.resource_root())").strip(), str(share))
        own = share / "models/data/only-here.yaml"
        own.write_bytes((share / "models/data/deepseek-v3.yaml").read_bytes())
        self.addCleanup(own.unlink)
        self.assertIn("only-here", self.python("import orrery; print(orrery.models())"))

    def test_runs_the_examples_of_its_page(self):
        code = examples(SOURCE / "docs/python.md")
        self.assertIn("import orrery", code)
        shown = self.python(code)
        self.assertRegex(shown, r"(?m)^ *64 +\d+\.\d+ s")

    def test_records_what_it_holds(self):
        with zipfile.ZipFile(self.wheel) as wheel:
            record = next(name for name in wheel.namelist() if name.endswith("/RECORD"))
            rows = list(csv.reader(wheel.read(record).decode().splitlines()))
            self.assertEqual(sorted(row[0] for row in rows), sorted(wheel.namelist()))
            for name, digest, size in rows:
                if name == record:
                    continue
                data = wheel.read(name)
                expected = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                self.assertEqual((digest, int(size)), (f"sha256={expected}", len(data)))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
