"""What users and this project test with; nothing in ``heliostat`` imports it.

* :mod:`.clock`: a clock that moves when the test says so;
* :mod:`.leaks`: what a piece of code left behind: processes, threads, descriptors, files;
* :mod:`.pytest_plugin`: the leak check after every test. Load it with
  ``pytest_plugins = ["heliostat.testing.pytest_plugin"]``.
"""
