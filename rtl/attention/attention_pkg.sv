// attention_pkg: what travels between the units of attention.
package attention_pkg;
  localparam int unsigned Lanes = 16;  // values of a way's beat: binary32 in streams, bfloat16 in memory; positions of a block
  localparam int unsigned LineW = 25;  // bits of beats: of a layer's keys (or values) of one head, and of its first positions
  localparam int unsigned BytesW = LineW + 5;  // of a row in bytes
  localparam int unsigned PositionW = 20;
  localparam int unsigned Quad = 4;  // dimensions that the finish multiplies in a cycle and way

  // Why attention stopped.
  typedef enum logic [3:0] {
    FaultNone    = 4'd0,
    FaultCommand = 4'd1,  // a command that does not fit the parameters, or breaks a rule
    FaultReadK   = 4'd2,
    FaultReadV   = 4'd3,
    FaultWriteK  = 4'd4,
    FaultWriteV  = 4'd5
  } fault_e;

  // A legal command as the units need it.
  typedef struct packed {
    logic                 fresh;     // no job that is not written yet can be of the same cache
    logic [PositionW-1:0] position;
    logic [4:0]           beats;     // of a head, on each port
    logic [7:0]           kv_heads;
    logic [3:0]           group;     // q heads of a kv head
    logic [31:0]          scale;
    logic [LineW-1:0]     offset;    // beats before the position in a head's part of a port's cache
    logic [LineW-1:0]     stride;    // beats from head to head
  } job_t;

  // What an int8 cache holds of 16 dimensions: numbers are code * scale.
  typedef struct packed {
    logic [31:0]        scale;
    logic [8*Lanes-1:0] codes;
  } codes_t;

  // The q heads of one kv head.
  typedef struct packed {
    logic [4:0]  beats;
    logic [3:0]  group;
    logic        last;   // of the token
    logic [31:0] scale;
  } group_t;

  // A block of positions on its way through the softmax.
  typedef struct packed {
    logic       first;  // of its head
    logic       last;
    logic [3:0] top;    // positions less one
  } block_t;

  // A column, a dimension of a block, on its way through the values.
  typedef struct packed {
    logic [7:0] col;
    logic       due;      // the finish may begin when this one is there
    logic       first;    // block of its head
    logic       last;
    logic       bank;     // of the results
  } column_t;
endpackage
