"""The entry point: `regsweep-trainer` and `python -m regsweep_trainer`."""

from regsweep_trainer.safepath import forget_working_directory

forget_working_directory()

from regsweep_trainer.main import main  # noqa: E402 - imported from where it was installed, and nowhere else

if __name__ == "__main__":
    main()
