"""`python -m regsweep_trainer`, which is `regsweep-trainer`."""

from regsweep_trainer.main import main

if __name__ == "__main__":
    main()
