"""Training steps of a multi-exit network in PyTorch: joint, and PCGrad done as cheaply as PyTorch allows."""
import time

import torch
from torch.nn import functional


class Steps:
    """A network, a batch that is always the same, and SGD as mexit-train has it.

    The batch lies ready in memory: nothing is loaded or augmented, which mexit's steps do.
    """

    def __init__(self, network, batch, classes, channels_last=False):
        generator = torch.Generator().manual_seed(3)
        self.images = torch.randn(batch, 3, 32, 32, generator=generator)
        self.labels = torch.randint(classes, (batch,), generator=generator)
        self.network = network.train()
        if channels_last:
            self.network.to(memory_format=torch.channels_last)
            self.images = self.images.contiguous(memory_format=torch.channels_last)
        self.parameters = list(network.parameters())
        self.optimizer = torch.optim.SGD(self.parameters, lr=1e-3, momentum=0.9, weight_decay=1e-4, nesterov=True)

    def losses(self):
        return [functional.cross_entropy(logits, self.labels) for logits in self.network(self.images)]

    def joint(self):
        """One backward pass of the summed loss."""
        self.optimizer.zero_grad()
        torch.stack(self.losses()).sum().backward()
        self.optimizer.step()

    def pcgrad(self):
        """Gradient surgery for all shared parameters as one vector per exit (Yu et al. 2020), in ascending order of exits.

        One backward pass per exit through the graph of one forward pass. Every projected gradient is a combination of the
        original ones, so the matrix of their inner products, one product of matrices, replaces the passes over gradients.
        """
        losses = self.losses()
        gradients = []
        for exit, loss in enumerate(losses):
            gradients.append(torch.autograd.grad(
                loss, self.parameters, retain_graph=exit + 1 < len(losses), allow_unused=True))
        shared = [p for p in range(len(self.parameters)) if sum(g[p] is not None for g in gradients) > 1]
        matrix = torch.stack([
            torch.cat([(g[p] if g[p] is not None else torch.zeros_like(self.parameters[p])).flatten() for p in shared])
            for g in gradients
        ])
        combined = projected_sum((matrix @ matrix.T).double()).to(matrix.dtype) @ matrix
        start = 0
        is_shared = set(shared)
        for p, parameter in enumerate(self.parameters):
            if p in is_shared:
                parameter.grad = combined[start:start + parameter.numel()].view_as(parameter)
                start += parameter.numel()
            else:
                parameter.grad = next(g[p] for g in gradients if g[p] is not None)
        self.optimizer.step()


def projected_sum(gram):
    """PCGrad's result as coefficients of the original gradients, from their inner products."""
    count = len(gram)
    coefficients = torch.eye(count, dtype=gram.dtype)
    for i in range(count):
        for j in range(count):
            product = coefficients[i] @ gram[:, j]
            if i != j and product < 0:
                coefficients[i, j] -= product / gram[j, j]
    return coefficients.sum(0)


def seconds(step):
    start = time.perf_counter()
    step()
    return time.perf_counter() - start
