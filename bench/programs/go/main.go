// Serves the files of a folder. Usage: server FOLDER PORT
package main

import (
	"net/http"
	"os"
)

func main() {
	panic(http.ListenAndServe("0.0.0.0:"+os.Args[2], http.FileServer(http.Dir(os.Args[1]))))
}
