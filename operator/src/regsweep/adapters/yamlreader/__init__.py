"""YAML and JSON as kubectl reads them, so that one manifest means the same on a laptop and in a cluster.

kubectl reads with k8s.io/apimachinery/pkg/util/yaml, sigs.k8s.io/yaml and go.yaml.in/yaml/v2, a mixture of YAML 1.1 and 1.2
that no Python library knows: `y` is true, 0o17 is 15, 1e-4 is a number, 1:30 is a string. The grammar is libyaml's, of
which go-yaml is a translation; PyYAML brings libyaml. The modules here do the rest, in this order:

    stream    bytes to text, text to documents
    jsontext  a document that is JSON
    nodes     a document that is YAML, as a tree with anchors
    values    the tree as JSON values: keys, merges, aliases
    scalars   one scalar as a value
    objects   documents as Kubernetes objects, lists expanded

A value is the one that kubectl reads, or the file is refused. What kubectl would silently lose is refused too: a duplicate
key, a key that a later `<<` overrides, text after the end of a document, bytes that are not UTF-8. So is what exceeds
`limits`. tests/integration/test_yaml_reader.py compares the reader with kubectl's own packages.
"""

from regsweep.adapters.yamlreader.objects import KubernetesObject, read_objects
from regsweep.adapters.yamlreader.stream import Document, read_documents

__all__ = ["Document", "KubernetesObject", "read_documents", "read_objects"]
