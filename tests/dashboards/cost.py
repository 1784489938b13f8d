"""What counting costs: CPU seconds a gigabyte of `loopback`, with the Prometheus recorder and
without, in turns; the medians, and the median of how far the two runs of each pair are apart:

    python3 tests/dashboards/cost.py target/release/actix-rtc [RUNS [MEGABYTES]]
"""

import json
import statistics
import subprocess
import sys

if len(sys.argv) < 2:
    sys.exit(__doc__)
binary = sys.argv[1]
runs = int(sys.argv[2]) if len(sys.argv) > 2 else 21
megabytes = sys.argv[3] if len(sys.argv) > 3 else "200"
found = {"without": [], "with": []}
for number in range(2 * runs):
    # ABBA: what drifts, drifts for both.
    which = "without" if number % 4 in (0, 3) else "with"
    flags = ["--metrics"] if which == "with" else []
    said = subprocess.run([binary, "loopback", "--json", "--megabytes", megabytes, *flags],
                          capture_output=True, text=True, check=True, timeout=120)
    found[which].append(json.loads(said.stdout)["cpu_s_per_gb"])
without, counting = (statistics.median(found[which]) for which in ("without", "with"))
apart = statistics.median(b / a for a, b in zip(found["without"], found["with"]))
print(f"{without:.2f} CPU s/GB without a recorder, {counting:.2f} with one; "
      f"in pairs {100 * (apart - 1):+.1f} %")
