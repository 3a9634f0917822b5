"""The training under `regsweep run --script`: the same model and number of steps, evaluated by the kit's callback."""

from training import ACTIVATIONS, BATCH_SIZE, EPOCHS, build, data

import regsweep_kit as kit

flags = kit.flags(dropout=0.0, activation=kit.flag("relu", choices=list(ACTIVATIONS)))

x, y = data()
for replicate in kit.replicates():
    rows = replicate.split(x, y, val_fraction=0.5, test_fraction=0)
    model = build(flags.dropout, flags.activation)
    model.fit(*rows.train, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0, callbacks=[replicate.keras(rows)])
