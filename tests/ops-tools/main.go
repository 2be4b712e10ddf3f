// What do Prometheus and Argo CD make of what this project ships? Each command reads JSON or text from standard input, and prints JSON:
//
//	openmetrics      an exposition: fails where Prometheus does not accept it; prints the names of its samples
//	promql           a list of expressions: prints for each the metrics that it names, with the labels that it uses
//	evaluate FILE    a list of expressions, each with a step in seconds: prints their values over a file of scrapes
//	health FILE.lua  a list of objects: prints the health that Argo CD would see
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var output any
	switch {
	case len(args) == 1 && args[0] == "openmetrics":
		output, err = samples(input)
	case len(args) == 1 && args[0] == "promql":
		output, err = each(input, selectors)
	case len(args) == 2 && args[0] == "evaluate":
		output, err = evaluate(args[1], input)
	case len(args) == 2 && args[0] == "health":
		script, readErr := os.ReadFile(args[1])
		if readErr != nil {
			return readErr
		}
		output, err = each(input, func(object map[string]any) (health, error) { return healthOf(string(script), object) })
	default:
		return errors.New("usage: ops-tools openmetrics | promql | evaluate FILE | health FILE.lua")
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(output)
}

// each applies a function to each element of a JSON list.
func each[In, Out any](input []byte, apply func(In) (Out, error)) ([]Out, error) {
	var elements []In
	if err := json.Unmarshal(input, &elements); err != nil {
		return nil, err
	}
	results := []Out{}
	for place, element := range elements {
		result, err := apply(element)
		if err != nil {
			return nil, fmt.Errorf("element %d, %v: %w", place, element, err)
		}
		results = append(results, result)
	}
	return results, nil
}
