"""Handwritten digits with PyTorch: dropout, weight decay, both or neither? Needs PyTorch."""

import regsweep_kit as kit

flags = kit.flags(
    dropout=kit.flag(0.2, "share of the hidden units that is dropped"),
    weight_decay=kit.flag(0.0, "of AdamW; it is no part of the loss"),
    units=64,
    epochs=10,
)

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy


def metrics(model, part):
    """Loss and accuracy, with dropout off."""
    model.eval()
    with torch.no_grad():
        logits = model(part.x)
    return {"average_loss": cross_entropy(logits, part.y), "accuracy": (logits.argmax(1) == part.y).float().mean()}


def train_epoch(model, optimizer, part):
    model.train()
    for batch in torch.randperm(len(part.y)).split(32):
        optimizer.zero_grad()
        cross_entropy(model(part.x[batch]), part.y[batch]).backward()
        optimizer.step()


x, y = load_digits(return_X_y=True)
device = "cuda" if torch.cuda.is_available() else "cpu"
x, y = torch.tensor(x / 16, dtype=torch.float32, device=device), torch.tensor(y, device=device)
for replicate in kit.replicates():
    rows = replicate.split(x, y)
    model = nn.Sequential(nn.Linear(64, flags.units), nn.ReLU(), nn.Dropout(flags.dropout), nn.Linear(flags.units, 10))
    model.to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=flags.weight_decay)
    parts = {"train": rows.train, "stop": rows.stop, "val": rows.val, "test": rows.test}
    for epoch in range(1, flags.epochs + 1):
        train_epoch(model, optimizer, rows.train)
        replicate.report(epoch, **{name: metrics(model, part) for name, part in parts.items() if part is not None})
