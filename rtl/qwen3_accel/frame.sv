// frame: the activations of the token under way, binary32 in lines, and the streams that read and write it for several
// operations at once.
//
// Operations begin in the order of the program. Each line is read and written in that order too, so the result is that of one
// operation after the other; but as soon as a line is free the next operation has it: see frame_order.
//
// Latency:       8 cycles from start_i to the first line; a line can be asked for 3 cycles after it was written.
// Throughput:    one line a cycle is written, and one read from each of the two copies of the memory: streams with even and with odd
//                numbers. The operation that began first is written first.
// Back-pressure: readies of the writing streams depend on registers and on each other's valids.
//
// Every token of a batch has all lines of the program: Tokens of them lie side by side; two batches lie one behind the other.
//
// Parameters:
//   Lanes   values of a line
//   Lines   of the program, of all batches
//   Tokens  of a batch at most: 1, 2, 4, 8
// Ports:
//   start_i  a pulse: this station begins; with it its spans: first_i of its first reading stream, second_i of its next one (or the
//            same stream's, for keys and values, third_i following), write_i
//   tokens_i  whose lines
//   before_i [u][v]: v began before u and is not done yet
//   done_o   a pulse: the station's last line was written
module frame
  import accel_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned Lines = 1024,
    parameter int unsigned Tokens = 1,
    localparam int unsigned LineBits = 32 * Lanes
) (
    input  logic                              clk_i,
    input  logic                              rst_ni,
    input  logic  [  Stations-1:0]               start_i,
    input  span_t                             first_i,
    input  span_t                             second_i,
    input  span_t                             third_i,
    input  logic  [  LineW-1:0]               vector_i,  // lines of a vector of the first
    input  span_t                             write_i,
    input  tokens_t                           tokens_i,
    input  logic  [  Stations-1:0][   Stations-1:0] before_i,
    output logic  [Writers-1:0]               done_o,
    // streams
    output logic  [Readers-1:0][LineBits-1:0] m_axis_tdata,
    output logic  [Readers-1:0]               m_axis_tlast,
    output logic  [Readers-1:0]               m_axis_tvalid,
    input  logic  [Readers-1:0]               m_axis_tready,
    input  logic  [Writers-1:0][LineBits-1:0] s_axis_tdata,
    input  logic  [Writers-1:0]               s_axis_tvalid,
    output logic  [Writers-1:0]               s_axis_tready
);
  localparam int unsigned AddrW = $clog2(Lines * Tokens);
  localparam int unsigned Rests = 2 * Readers;
  if (Lines < 2 || Lines * Tokens >= 1 << LineW) $error("%m: Lines is %0d, allowed: 2..%0d", Lines, (1 << LineW) / Tokens - 1);

  // ---- writing: one line a cycle --------------------------------------------------------------------------------------
  rest_t [Writers-1:0] writes;
  logic [Writers-1:0][LineW-1:0] here, after;
  logic [Writers-1:0][TokenPlaceW-1:0] places;  // whose line each station writes next
  logic [Writers-1:0] ends, turns;
  rest_t [Rests-1:0] reads;
  logic [Writers-1:0] ok, want, win;  // ok: while there are lines to write
  logic we_q;
  logic [AddrW-1:0] waddr_q;
  logic [LineBits-1:0] wdata, wdata_q;
  logic [LineW-1:0] wline;
  always_comb begin
    for (int unsigned u = 0; u < Writers; u++) want[u] = s_axis_tvalid[u] && ok[u];
    wdata = '0;
    wline = '0;
    for (int unsigned u = 0; u < Writers; u++) begin
      win[u] = want[u] && (want & before_i[u][Writers-1:0]) == '0;
      if (win[u]) begin
        wdata = wdata | s_axis_tdata[u];
        wline = wline | here[u];
      end
    end
  end
  assign s_axis_tready = win;

  always_ff @(posedge clk_i) begin
    wdata_q <= wdata;
    waddr_q <= AddrW'(wline);
    done_o  <= win & ends;
    we_q    <= win != '0;
    if (!rst_ni) begin
      we_q   <= 1'b0;
      done_o <= '0;
    end
  end

  for (genvar u = 0; u < Writers; u++) begin : gen_writer
    logic [Rests+Writers-1:0] waits;
    always_comb begin
      for (int unsigned r = 0; r < Rests; r++) waits[r] = before_i[u][Reader[r/2]] && Reader[r/2] != u;
      waits[Rests+:Writers] = before_i[u][Writers-1:0] & ~(Writers'(1) << u);  // nor for itself
    end
    localparam order_e Order = (u == Linear) ? EveryLine : (u == Attender) ? OneToken : EveryVector;
    frame_walk #(.Order(Order), .Tokens(Tokens)) u_walk (
        .clk_i, .rst_ni, .start_i(start_i[u]), .span_i(write_i), .tokens_i, .step_i(win[u]), .m_line_o(here[u]),
        .m_after_o(after[u]), .m_place_o(places[u]), .m_ends_o(ends[u]), .m_turn_o(turns[u]), .m_rest_o(writes[u])
    );
    frame_order #(.Count(Rests + Writers), .Width(AddrW)) u_order (
        .clk_i, .rst_ni, .start_i(start_i[u] || (win[u] && turns[u])), .line_i(here[u]), .after_i(after[u]), .on_i(writes[u].on),
        .ends_i(ends[u]), .step_i(win[u]), .all_i(Order == EveryLine), .place_i(places[u]),
        .rest_i({writes, reads}), .wait_i(waits), .ok_o(ok[u])
    );
  end

  // ---- reading: two copies --------------------------------------------------------------------------------------------
  logic [Readers-1:0] request, grant, valid1_q, valid2_q;
  logic [Readers-1:0][LineW-1:0] line;
  logic [1:0][LineBits-1:0] data;
  for (genvar r = 0; r < Readers; r++) begin : gen_reader
    localparam bit Second = r inside {FromResidual, FromUp, FromKeyValue};
    localparam order_e Order = (r == FromResidual) ? EveryLine : (r inside {FromQuery, FromKeyValue}) ? OneToken : EveryVector;
    frame_reader #(.Lanes(Lanes), .Order(Order), .Tokens(Tokens), .Count(Writers), .OrderW(AddrW)) u_reader (
        .clk_i, .rst_ni, .start_i(start_i[Reader[r]]), .first_i(Second ? second_i : first_i),
        .second_i((r == FromKeyValue) ? third_i : span_t'(0)), .tokens_i,
        .vector_i(Second ? second_i.lines : vector_i),
        .m_first_o(reads[2*r]), .m_second_o(reads[2*r+1]), .rest_i(writes),
        .wait_i(before_i[Reader[r]][Writers-1:0] & ~(Writers'(1) << Reader[r])),
        .m_line_o(line[r]), .m_request_o(request[r]), .m_grant_i(grant[r]), .s_data_i(data[r%2]), .s_valid_i(valid2_q[r]),
        .m_axis_tdata(m_axis_tdata[r]), .m_axis_tlast(m_axis_tlast[r]), .m_axis_tvalid(m_axis_tvalid[r]),
        .m_axis_tready(m_axis_tready[r])
    );
  end
  always_ff @(posedge clk_i) begin
    valid1_q <= request & grant;
    valid2_q <= valid1_q;
    if (!rst_ni) begin
      valid1_q <= '0;
      valid2_q <= '0;
    end
  end
  logic [1:0][LineW-1:0] at;
  always_comb begin
    at = '0;
    for (int unsigned r = 0; r < Readers; r++) begin
      grant[r] = 1'b1;
      for (int unsigned o = r % 2; o < r; o += 2) if (request[o]) grant[r] = 1'b0;
      if (request[r] && grant[r]) at[r%2] = at[r%2] | line[r];
    end
  end
  for (genvar c = 0; c < 2; c++) begin : gen_copy
    frame_memory #(.Width(LineBits), .Lines(Lines * Tokens)) u_memory (
        .clk_i, .we_i(we_q), .waddr_i(waddr_q), .wdata_i(wdata_q), .raddr_i(AddrW'(at[c])), .rdata_o(data[c])
    );
  end

  a_one :
  assert property (@(posedge clk_i) disable iff (!rst_ni) $onehot0(start_i) && $onehot0(win));
  a_some :
  assert property (@(posedge clk_i) disable iff (!rst_ni) start_i != '0 && write_i.on |-> write_i.lines != '0);
endmodule
