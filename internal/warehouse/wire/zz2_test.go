package wire
import ("testing";"strings";"fmt";"bursar/internal/duck")
func TestZ2(t *testing.T){
 s,_:=duck.Open(duck.Options{Memory:"64MB",Threads:1})
 for _,q:=range strings.Split(catalogSQL,";\n"){ if err:=s.Exec(t.Context(),q);err!=nil{fmt.Println(q[:min(len(q),200)],"\n   ",err)}}
}
