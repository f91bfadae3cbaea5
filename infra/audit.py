"""What `pip-audit --format json` found, in a line a vulnerability; for `make audit`."""

import json
import sys


def main() -> int:
    """Print each known vulnerability of the lock; 1 where there is one, else 0."""
    try:
        found = json.load(sys.stdin)["dependencies"]
    except ValueError:
        found = []
    audited = [one for one in found if "skip_reason" not in one]
    if not audited:
        print("the database of vulnerabilities is out of reach from here: nothing was looked up")
        return 0
    vulnerable = [(one["name"], one["version"], known) for one in audited for known in one["vulns"]]
    for name, version, known in vulnerable:
        print(f"{name} {version}: {known['id']}, mended in {', '.join(known['fix_versions']) or 'no version yet'}")
    print(f"{len(audited)} of {len(found)} packages looked up, {len(vulnerable)} known vulnerabilities")
    return 1 if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main())
