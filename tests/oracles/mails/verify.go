// go-msgauth: for each message of the command line, how many signatures are valid, a number a line.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/emersion/go-msgauth/dkim"
)

func main() {
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	records := map[string]string{}
	if err := json.Unmarshal(data, &records); err != nil {
		panic(err)
	}
	lookup := func(name string) ([]string, error) {
		if record, ok := records[name]; ok {
			return []string{record}, nil
		}
		return nil, fmt.Errorf("no such name: %s", name)
	}
	for _, path := range os.Args[2:] {
		file, err := os.Open(path)
		if err != nil {
			panic(err)
		}
		found, err := dkim.VerifyWithOptions(bufio.NewReader(file), &dkim.VerifyOptions{LookupTXT: lookup})
		valid := 0
		for _, one := range found {
			if one.Err == nil {
				valid++
			}
		}
		if err != nil {
			valid = 0
		}
		fmt.Println(valid)
		file.Close()
	}
}
