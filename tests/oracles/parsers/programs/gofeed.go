// Prints what gofeed sees in each feed of the command line, a JSON array a line.
package main

import (
	"encoding/json"
	"os"
	"time"

	"github.com/mmcdole/gofeed"
)

type row struct {
	ID         string      `json:"id"`
	Title      string      `json:"title"`
	Link       string      `json:"link"`
	Authors    []string    `json:"authors"`
	Content    string      `json:"content"`
	Summary    string      `json:"summary"`
	Published  string      `json:"published"`
	Updated    string      `json:"updated"`
	Categories []string    `json:"categories"`
	Enclosures [][3]string `json:"enclosures"`
	Plain      bool        `json:"plain"`
}

func instant(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

func main() {
	out := json.NewEncoder(os.Stdout)
	for _, path := range os.Args[1:] {
		file, err := os.Open(path)
		if err != nil {
			panic(err)
		}
		feed, err := gofeed.NewParser().Parse(file)
		if err != nil {
			panic(err)
		}
		rows := []row{}
		for _, item := range feed.Items {
			one := row{ID: item.GUID, Title: item.Title, Link: item.Link, Content: item.Content, Summary: item.Description}
			one.Plain = feed.FeedType != "rss"
			one.Published, one.Updated, one.Categories = instant(item.PublishedParsed), instant(item.UpdatedParsed), item.Categories
			for _, author := range item.Authors {
				one.Authors = append(one.Authors, author.Name)
			}
			for _, file := range item.Enclosures {
				one.Enclosures = append(one.Enclosures, [3]string{file.URL, file.Type, file.Length})
			}
			rows = append(rows, one)
		}
		if err := out.Encode(rows); err != nil {
			panic(err)
		}
	}
}
