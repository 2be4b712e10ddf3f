package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql/parser"
)

// samples parses an exposition as Prometheus does when it scrapes.
func samples(text []byte) ([]string, error) {
	parsed := textparse.NewOpenMetricsParser(text, labels.NewSymbolTable())
	names := []string{}
	for {
		entry, err := parsed.Next()
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
		if entry == textparse.EntrySeries {
			var of labels.Labels
			parsed.Labels(&of)
			names = append(names, of.Get(labels.MetricName))
		}
	}
}

// selector is a metric that an expression names, and the labels by which it selects series.
type selector struct {
	Metric string   `json:"metric"`
	Labels []string `json:"labels"`
}

// expression is what an expression names.
type expression struct {
	Selectors []selector `json:"selectors"`
	// Labels by which the expression groups or joins.
	Labels []string `json:"labels"`
}

func selectors(text string) (expression, error) {
	found := expression{Selectors: []selector{}, Labels: []string{}}
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return found, err
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.VectorSelector:
			of := selector{Metric: node.Name, Labels: []string{}}
			for _, matcher := range node.LabelMatchers {
				if matcher.Name != labels.MetricName {
					of.Labels = append(of.Labels, matcher.Name)
				}
			}
			found.Selectors = append(found.Selectors, of)
		case *parser.AggregateExpr:
			found.Labels = append(found.Labels, node.Grouping...)
		case *parser.BinaryExpr:
			if node.VectorMatching != nil {
				found.Labels = append(found.Labels, node.VectorMatching.MatchingLabels...)
				found.Labels = append(found.Labels, node.VectorMatching.Include...)
			}
		}
		return nil
	})
	slices.Sort(found.Labels)
	found.Labels = slices.Compact(found.Labels)
	if len(found.Selectors) == 0 {
		return found, fmt.Errorf("%q names no metric", text)
	}
	return found, nil
}
