package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

// scrape is what a replica answered at a time: a line of a file of scrapes.
type scrape struct {
	// Time in milliseconds.
	Time int64  `json:"time"`
	Pod  string `json:"pod"`
	Text string `json:"text"`
}

// question is an expression, and the seconds between its values.
type question struct {
	Expression string  `json:"expression"`
	Step       float64 `json:"step"`
}

// series is one line of a graph: values are pairs of a time in seconds and a value.
type series struct {
	Labels map[string]string `json:"labels"`
	Values [][2]float64      `json:"values"`
}

// evaluator keeps scrapes as Prometheus does.
type evaluator struct {
	database   *tsdb.DB
	engine     *promql.Engine
	start, end time.Time
}

// evaluate answers questions about all the time that a file of scrapes covers.
func evaluate(file string, questions []byte) ([][]series, error) {
	folder, err := os.MkdirTemp("", "scrapes")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	options := tsdb.DefaultOptions()
	// One block: nothing is compacted meanwhile.
	options.MinBlockDuration = (90 * 24 * time.Hour).Milliseconds()
	options.MaxBlockDuration = options.MinBlockDuration
	database, err := tsdb.Open(folder, nil, nil, options, nil)
	if err != nil {
		return nil, err
	}
	defer database.Close()
	of := evaluator{database: database, engine: promql.NewEngine(promql.EngineOpts{
		MaxSamples: 50_000_000, Timeout: time.Minute, LookbackDelta: 10 * time.Minute,
	})}
	if err := of.load(file); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return each(questions, of.answer)
}

func (of *evaluator) load(file string) error {
	opened, err := os.Open(file)
	if err != nil {
		return err
	}
	defer opened.Close()
	lines := bufio.NewReader(opened)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var one scrape
		if err := json.Unmarshal(line, &one); err != nil {
			return err
		}
		if err := of.append(one); err != nil {
			return err
		}
	}
}

func (of *evaluator) append(one scrape) error {
	at := time.UnixMilli(one.Time)
	if of.start.IsZero() || at.Before(of.start) {
		of.start = at
	}
	if at.After(of.end) {
		of.end = at
	}
	appender := of.database.Appender(context.Background())
	parsed := textparse.NewOpenMetricsParser([]byte(one.Text), labels.NewSymbolTable())
	for {
		entry, err := parsed.Next()
		if errors.Is(err, io.EOF) {
			return appender.Commit()
		}
		if err != nil {
			return err
		}
		if entry == textparse.EntrySeries {
			if err := appendSeries(appender, parsed, one); err != nil {
				return err
			}
		}
	}
}

func appendSeries(appender storage.Appender, parsed textparse.Parser, one scrape) error {
	var of labels.Labels
	parsed.Labels(&of)
	_, _, value := parsed.Series()
	all := labels.NewBuilder(of)
	all.Set("job", "salesforce-connector-operator").Set("pod", one.Pod).Set("instance", one.Pod)
	_, err := appender.Append(0, all.Labels(), one.Time, value)
	return err
}

func (of *evaluator) answer(asked question) ([]series, error) {
	step := time.Duration(asked.Step * float64(time.Second))
	query, err := of.engine.NewRangeQuery(context.Background(), of.database, nil, asked.Expression, of.start, of.end, step)
	if err != nil {
		return nil, err
	}
	defer query.Close()
	matrix, err := query.Exec(context.Background()).Matrix()
	if err != nil {
		return nil, err
	}
	lines := []series{}
	for _, found := range matrix {
		line := series{Labels: found.Metric.Map(), Values: [][2]float64{}}
		for _, point := range found.Floats {
			if !math.IsNaN(point.F) && !math.IsInf(point.F, 0) {
				line.Values = append(line.Values, [2]float64{float64(point.T) / 1000, point.F})
			}
		}
		lines = append(lines, line)
	}
	return lines, nil
}
