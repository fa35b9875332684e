import time
from holigrail_hw.arrays.systolic_array import SystolicArray
from holigrail_hw.core import Timing
from holigrail_hw.formats import parse
from holigrail_hw.flow import verify
import sys
for flow in sys.argv[1:]:
    for r,c in ((1,1),(3,2),(2,5)):
        for t in (Timing(), Timing(period_ns=6, device="ecp5")):
            s=SystolicArray(rows=r,columns=c,dataflow=flow)
            t0=time.time()
            try:
                print(flow,r,c,t.period_ns, verify.run(s,t,levels=["compiled"],count=300).vectors, round(time.time()-t0,1), s.cost(t))
            except Exception as e:
                print("FAIL",flow,r,c,t.period_ns,type(e),str(e)[:600])
