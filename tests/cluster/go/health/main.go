// Health says what Flux makes of objects, by the packages that Flux itself judges with.
//
// Each line of standard input is an object and, where it has any, the expressions of its health check, as JSON:
// {"object": {...}, "expressions": {"current": "...", "inProgress": "...", "failed": "..."}}. Each line of standard output is:
//
//	kstatus           its status without expressions: Current, InProgress, Failed, Terminating ...
//	expressions       its status by the expressions; absent where there are none
//	expressionsError  why they could not be evaluated: Flux then calls it Unknown and goes on looking
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type question struct {
	Object      unstructured.Unstructured         `json:"object"`
	Expressions *kustomize.HealthCheckExpressions `json:"expressions"`
}

type answer struct {
	Kstatus          string `json:"kstatus"`
	Expressions      string `json:"expressions,omitempty"`
	ExpressionsError string `json:"expressionsError,omitempty"`
}

func main() {
	if err := answerAll(os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func answerAll(questions io.Reader, answers io.Writer) error {
	decoder := json.NewDecoder(bufio.NewReader(questions))
	encoder := json.NewEncoder(answers)
	for {
		var asked question
		if err := decoder.Decode(&asked); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		judged, err := judge(asked)
		if err != nil {
			return err
		}
		if err := encoder.Encode(judged); err != nil {
			return err
		}
	}
}

func judge(asked question) (answer, error) {
	byRules, err := status.Compute(&asked.Object)
	if err != nil {
		return answer{}, err
	}
	judged := answer{Kstatus: byRules.Status.String()}
	if asked.Expressions == nil {
		return judged, nil
	}
	evaluator, err := cel.NewStatusEvaluator(asked.Expressions)
	if err != nil {
		judged.ExpressionsError = err.Error()
		return judged, nil
	}
	byExpressions, err := evaluator.Evaluate(context.Background(), &asked.Object)
	if err != nil {
		judged.ExpressionsError = err.Error()
	} else {
		judged.Expressions = byExpressions.Status.String()
	}
	return judged, nil
}
