// Manifests says what kubectl reads in a manifest, by the packages that kubectl itself reads with.
//
// Each line of standard input is one file in base64. Each line of standard output is what became of it, as JSON:
//
//	documents       what the file holds, in order, as the API server would store it; empty documents are left out
//	documentsError  why the reading ended early; absent where it did not
//	objects         what `kubectl apply -f` would send: documents with lists expanded
//	objectsError    why it would send less than the file holds; absent where it would not
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
	"k8s.io/apimachinery/pkg/runtime"
	kubejson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/cli-runtime/pkg/resource"
)

// How far kubectl looks for an opening brace, see StreamVisitor in k8s.io/cli-runtime.
const lookahead = 4096

type answer struct {
	Documents      []any  `json:"documents"`
	DocumentsError string `json:"documentsError,omitempty"`
	Objects        []any  `json:"objects"`
	ObjectsError   string `json:"objectsError,omitempty"`
}

func main() {
	if err := answerAll(os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func answerAll(questions io.Reader, answers io.Writer) error {
	folder, err := os.MkdirTemp("", "read-manifests")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "manifest")
	lines := bufio.NewReader(questions)
	out := bufio.NewWriter(answers)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return out.Flush()
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		file, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(line)))
		if err != nil {
			return err
		}
		read := answer{Documents: []any{}, Objects: []any{}}
		if err := read.documents(file); err != nil {
			read.DocumentsError = err.Error()
		}
		if err := read.objects(file, path); err != nil {
			read.ObjectsError = strings.ReplaceAll(err.Error(), path, "manifest")
		}
		if err := encoder.Encode(read); err != nil {
			return err
		}
	}
}

// documents reads as StreamVisitor does: it takes documents of any shape, where kubectl goes on to ask for objects.
func (a *answer) documents(file []byte) error {
	decoded := transform.NewReader(bytes.NewReader(file), unicode.BOMOverride(unicode.UTF8.NewDecoder()))
	decoder := yaml.NewYAMLOrJSONDecoder(decoded, lookahead)
	for {
		document := runtime.RawExtension{}
		if err := decoder.Decode(&document); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		raw := bytes.TrimSpace(document.Raw)
		if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
			continue
		}
		var value any
		if err := kubejson.Unmarshal(raw, &value); err != nil {
			return err
		}
		stored, err := asStored(value)
		if err != nil {
			return err
		}
		a.Documents = append(a.Documents, stored)
	}
}

// objects reads as `kubectl apply -f` does, without a server that knows the kinds.
func (a *answer) objects(file []byte, path string) error {
	if err := os.WriteFile(path, file, 0o600); err != nil {
		return err
	}
	return resource.NewLocalBuilder().
		Unstructured().
		ContinueOnError().
		FilenameParam(false, &resource.FilenameOptions{Filenames: []string{path}}).
		Flatten().
		Do().
		Visit(func(info *resource.Info, err error) error {
			if err != nil {
				return err
			}
			stored, err := asStored(info.Object)
			if err != nil {
				return err
			}
			a.Objects = append(a.Objects, stored)
			return nil
		})
}

// asStored sends the value through JSON, as kubectl does on the way to the API server: 1.0 is stored as 1.
func asStored(value any) (any, error) {
	sent, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var stored any
	err = kubejson.Unmarshal(sent, &stored)
	return stored, err
}
